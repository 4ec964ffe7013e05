dnl SPDX-License-Identifier: MIT
dnl AGAMID_DOVECOT - the plugin for Dovecot: --with-dovecot=auto|DIR|no.
dnl
dnl DIR is where Debian's dovecot-dev has dovecot-config. Of that file only
dnl two values are taken: where the headers are and where modules belong.
dnl Dovecot's own DC_DOVECOT would also change CFLAGS for all of us, and
dnl end configure where there is no Dovecot.
AC_DEFUN([AGAMID_DOVECOT], [
AC_ARG_WITH([dovecot], [AS_HELP_STRING([--with-dovecot=auto|DIR|no],
    [the Dovecot plugin; DIR holds dovecot-config (default: auto)])],
    [], [with_dovecot=auto])
AC_ARG_WITH([dovecot-moduledir], [AS_HELP_STRING([--with-dovecot-moduledir=DIR],
    [where the plugin is installed (default: as dovecot-config says)])],
    [], [with_dovecot_moduledir=])
have_dovecot=no
why_no_dovecot="not wanted"
AS_IF([test "x$with_dovecot" != xno], [
    AS_CASE([$with_dovecot],
	[auto|yes], [ag_dirs="/usr/lib/dovecot /usr/lib64/dovecot /usr/local/lib/dovecot"],
	[ag_dirs=$with_dovecot])
    AC_MSG_CHECKING([for dovecot-config])
    ag_config=
    for ag_dir in $ag_dirs; do
	AS_IF([test -z "$ag_config" && test -r "$ag_dir/dovecot-config"],
	    [ag_config=$ag_dir/dovecot-config])
    done
    AC_MSG_RESULT([${ag_config:-no}])
    AS_IF([test -z "$ag_config"],
	[why_no_dovecot="no dovecot-config; install the package dovecot-dev"],
	[test "$have_rnp" != yes],
	[why_no_dovecot="the plugin needs librnp; install the package librnp-dev"],
	[AGAMID_DOVECOT_TRY])
    AS_IF([test $have_dovecot = no && test "x$with_dovecot" != xauto],
	[AC_MSG_ERROR([no Dovecot plugin: $why_no_dovecot])])])
AC_SUBST([DOVECOT_CPPFLAGS])
AC_SUBST([DOVECOT_MODULEDIR])
AM_CONDITIONAL([HAVE_DOVECOT], [test $have_dovecot = yes])
AM_CONDITIONAL([HAVE_DOVECOT24], [test "x$dovecot_24" = xyes])
])

AC_DEFUN([AGAMID_DOVECOT_TRY], [
    DOVECOT_MODULEDIR=$with_dovecot_moduledir
    AS_IF([test -z "$DOVECOT_MODULEDIR"], [
	DOVECOT_MODULEDIR=`sed -n 's/^dovecot_moduledir=//p' "$ag_config"`])
    ag_include=`sed -n 's/^LIBDOVECOT_INCLUDE=//p' "$ag_config" | tr -d "'\""`
    dnl Their headers are not ours to warn about.
    DOVECOT_CPPFLAGS=`AS_ECHO(["$ag_include"]) | sed 's/-I/-isystem /g'`
    ag_save_CPPFLAGS=$CPPFLAGS
    CPPFLAGS="$CPPFLAGS $DOVECOT_CPPFLAGS"
    AC_MSG_CHECKING([whether Dovecot's headers work])
    AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
#undef PACKAGE_NAME
#undef PACKAGE_TARNAME
#undef PACKAGE_VERSION
#undef PACKAGE_STRING
#undef PACKAGE_BUGREPORT
#undef PACKAGE_URL
#undef PACKAGE
#undef VERSION
#define HAVE_CONFIG_H
#include "lib.h"
#include "mail-storage-private.h"
#if DOVECOT_VERSION_MAJOR != 2 || DOVECOT_VERSION_MINOR < 3
#error this Dovecot is not known
#endif
]])], [have_dovecot=yes], [why_no_dovecot="its headers don't compile, or are not of 2.3 or 2.4; see config.log"])
    AC_MSG_RESULT([$have_dovecot])
    dovecot_24=no
    AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
#undef PACKAGE_NAME
#undef PACKAGE_TARNAME
#undef PACKAGE_VERSION
#undef PACKAGE_STRING
#undef PACKAGE_BUGREPORT
#undef PACKAGE_URL
#undef PACKAGE
#undef VERSION
#define HAVE_CONFIG_H
#include "lib.h"
#if DOVECOT_VERSION_MINOR < 4
#error
#endif
]])], [dovecot_24=yes])
    CPPFLAGS=$ag_save_CPPFLAGS
])
