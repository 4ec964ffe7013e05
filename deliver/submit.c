/* SPDX-License-Identifier: MIT */
/*
 * submit - the process that starts sendmail(1). See submit.h.
 *
 * It is `agamid-deliver --submit`, with a socket as its standard input. One
 * message to it is "RECIPIENT\n" and the mail, with the descriptor of the
 * note; its answer "0\n" or a line that says why not. It ends when
 * agamid-deliver has gone, but not in the middle.
 */
#include "deliver/submit.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deliver/sending.h"
#include "util/fault.h"
#include "util/file.h"
#include "util/log.h"
#include "util/sock.h"
#include "util/text.h"
#include "mail/address.h"
#include "mail/role.h"

#define SENDMAIL "/usr/sbin/sendmail"
#define SENDMAIL_SECONDS 60
#define ANSWER_MAX 256

struct submit {
	int fd;
	pid_t pid;
	pthread_mutex_t lock;
};

/* The process ------------------------------------------------------------ */

static _Noreturn void
become_sendmail(int mail, char *rcpt)
{
	char name[] = "sendmail", ignore[] = "-i", from[] = "-f", null[] = "<>",
	     end[] = "--";
	char *argv[] = {name, ignore, from, null, end, rcpt, NULL};
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *env[] = {path, NULL};

	signal(SIGPIPE, SIG_DFL);
	umask(022);
	alarm(SENDMAIL_SECONDS);
	if (dup2(mail, STDIN_FILENO) >= 0)
		execve(SENDMAIL, argv, env);
	_exit(127);
}

static void
describe(int status, char answer[ANSWER_MAX])
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		snprintf(answer, ANSWER_MAX, "0\n");
	else if (WIFEXITED(status))
		snprintf(answer, ANSWER_MAX, "sendmail ended with status %d\n",
		    WEXITSTATUS(status));
	else
		snprintf(answer, ANSWER_MAX,
		    "sendmail was ended by signal %d\n", WTERMSIG(status));
}

static void
run_sendmail(char *rcpt, const char *mail, size_t len, char answer[ANSWER_MAX])
{
	int fds[2], status;
	pid_t pid;

	snprintf(answer, ANSWER_MAX, "no process can be started\n");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0)
		become_sendmail(fds[0], rcpt);
	close(fds[0]);
	/* A mail that is cut off must not look whole. */
	if (pid > 0 && file_write_all(fds[1], mail, len) < 0)
		kill(pid, SIGKILL);
	close(fds[1]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return;
	}
	if (pid > 0)
		describe(status, answer);
}

/* One message; data is cut up. */
static int
serve_one(char *data, size_t len, int note)
{
	char answer[ANSWER_MAX], *mail = strchr(data, '\n');

	if (mail == NULL || note < 0)
		return AG_EINVAL;
	*mail++ = '\0';
	run_sendmail(data, mail, len - (size_t)(mail - data), answer);
	/* Noted before anybody hears of it. */
	if (strcmp(answer, "0\n") == 0 && sending_sent(note) < 0)
		log_error("a notice was sent and can't be noted");
	return sock_send(STDIN_FILENO, answer, strlen(answer), -1);
}

int
submit_serve(const struct conf *conf)
{
	static char data[ANSWER_MAX + SUBMIT_MAX + 1];
	ssize_t n;
	int note, rc = 0;

	/* It goes when agamid-deliver does. */
	signal(SIGTERM, SIG_IGN);
	role_enter(ROLE_SUBMIT, conf, NULL);
	while (rc == 0 &&
	    (n = sock_recv(STDIN_FILENO, data, sizeof(data), &note)) != 0) {
		rc = n < 0 ? AG_EIO : serve_one(data, (size_t)n, note);
		if (note >= 0)
			close(note);
	}
	return rc;
}

/* Its other end ------------------------------------------------------------ */

/* The program that runs now, without anything of this process. */
static _Noreturn void
become_submit(const struct conf *conf, int fd)
{
	const char *argv[7] = {
	    "agamid-deliver", "--submit", "--config", conf->path};

	if (conf->root[0] != '\0') {
		argv[4] = "--root";
		argv[5] = conf->root;
	}
	if (dup2(fd, STDIN_FILENO) >= 0)
		execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	_exit(127);
}

int
submit_new(const struct conf *conf, struct submit **s_r, struct error *error_r)
{
	struct submit *s = xcalloc(1, sizeof(*s));
	int fds[2];

	*s_r = NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		free(s);
		return error_set_errno(error_r, AG_EIO, "can't make a socket");
	}
	s->pid = fork();
	if (s->pid == 0)
		become_submit(conf, fds[1]);
	close(fds[1]);
	if (s->pid < 0) {
		close(fds[0]);
		free(s);
		return error_set_errno(error_r, AG_EIO, "can't fork");
	}
	s->fd = fds[0];
	pthread_mutex_init(&s->lock, NULL);
	*s_r = s;
	return 0;
}

void
submit_free(struct submit **sp)
{
	struct submit *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	close(s->fd);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Nothing that sendmail could take for an option, a list or two. */
static bool
is_address(const char *rcpt)
{
	struct address a;
	char path[ADDRESS_MAX + 3];

	if (snprintf(path, sizeof(path), "<%s>", rcpt) >= (int)sizeof(path))
		return false;
	return address_parse(path, &a) == 0 && !a.null && a.domain[0] != '\0';
}

static int
exchange(struct submit *s, const struct buf *message, int note,
    struct error *error_r)
{
	char answer[ANSWER_MAX + 1];
	ssize_t n;
	int fd;

	if (fault_point("deliver.submit") ||
	    sock_send(s->fd, buf_str(message), message->len, note) < 0)
		return error_set(error_r, AG_EAGAIN, "it can't be submitted");
	n = sock_recv(s->fd, answer, sizeof(answer), &fd);
	if (n <= 0)
		return error_set(
		    error_r, AG_EIO, "the process for sendmail has gone");
	fault_after("deliver.submit");
	if (strcmp(answer, "0\n") == 0)
		return 0;
	return error_set(
	    error_r, AG_EAGAIN, "%.*s", (int)strcspn(answer, "\n"), answer);
}

int
submit_mail(struct submit *s, const char *rcpt, const struct buf *mail,
    int note, struct error *error_r)
{
	struct buf message;
	int rc;

	if (!is_address(rcpt) || mail->len > SUBMIT_MAX)
		return error_set(error_r, AG_EINVAL, "it can't be sent there");
	buf_init(&message, ANSWER_MAX + SUBMIT_MAX);
	rc = buf_printf(&message, "%s\n", rcpt);
	if (rc == 0)
		rc = buf_put(&message, buf_str(mail), mail->len);
	if (rc < 0) {
		rc = error_set(error_r, AG_EINVAL, "it is too long");
	} else {
		pthread_mutex_lock(&s->lock);
		rc = exchange(s, &message, note, error_r);
		pthread_mutex_unlock(&s->lock);
	}
	buf_wipe(&message);
	return rc;
}
