# SPDX-License-Identifier: MIT
"""The messages that tests compare: of each kind that Dovecot treats apart."""
import base64


def crlf(text):
    return text.replace(b"\n", b"\r\n")


SIMPLE = b"""\
Received: from sender.example (sender.example [192.0.2.9])
\tby carol.friends.example with ESMTP id 1; Sun, 22 Nov 2026 08:00:00 +0000
Date: Sat, 21 Nov 2026 10:11:12 +0100
From: Ann Example <ann@sender.example>
To: Frank <frank@friends.example>, Bob <bob@b.example>
Cc: carol@c.example
Subject: A secretword in the subject
Message-ID: <one@sender.example>

The first secretword line.
The second line.
"""

ANSWER = b"""\
Date: Sun, 22 Nov 2026 09:11:12 +0100
From: Zoe <zoe@z.example>
To: frank@friends.example
Subject: Re: A secretword in the subject
In-Reply-To: <one@sender.example>
References: <one@sender.example>
Message-ID: <two@z.example>

Quite so: secretword.
"""

MULTI = b"""\
Date: Fri, 20 Nov 2026 10:11:12 +0000
From: =?utf-8?q?J=C3=B6rg?= <joerg@j.example>
To: frank@friends.example
Subject: =?utf-8?b?R3LDvMOfZSDigJMgc2VjcmV0d29yZA==?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="xx"
Message-ID: <three@j.example>

preamble
--xx
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=C3=9Fe, secretword
--xx
Content-Type: application/octet-stream; name="data.bin"
Content-Disposition: attachment; filename="data.bin"
Content-Transfer-Encoding: base64

""" + base64.encodebytes(bytes(range(256)) * 8) + b"""\
--xx
Content-Type: message/rfc822

From: inner@i.example
Subject: inner secretword
Date: Thu, 19 Nov 2026 10:11:12 +0000

inner body secretword
--xx--
epilogue
"""

NO_HEADER = b"\nonly a body with secretword\n"
HEADER_ONLY = b"From: h@h.example\nSubject: header secretword\n\n"
NO_END = b"From: n@n.example\nSubject: no end\n\nno line end at the end"
EIGHT_BIT = b"""\
From: e@e.example
Subject: raw \xfc\xdf 8-bit secretword
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: 8bit

\xe4\xf6\xfc \x80\xff secretword
"""
NUL = b"From: nul@n.example\nSubject: nul secretword\n\nbefore\0after\n\0\n"
LARGE = (b"From: l@l.example\nSubject: large secretword\n"
         b"Date: Wed, 18 Nov 2026 10:11:12 +0000\n\n"
         + b"".join(b"%07d secretword and so on and so on and so on\n" % i
                    for i in range(4000)))
LONG_LINE = b"From: w@w.example\nSubject: wide\n\n" + b"w" * 70000 + b"\n"

ALL = [SIMPLE, crlf(SIMPLE), ANSWER, MULTI, crlf(MULTI), NO_HEADER,
       HEADER_ONLY, NO_END, EIGHT_BIT, NUL, crlf(LARGE), LONG_LINE]
SMALL = [m for m in ALL if len(m) < 10000]
WORD = b"secretword"
