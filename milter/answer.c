/* SPDX-License-Identifier: MIT */
/*
 * answer - the table of answers. Pure.
 */
#include <stdio.h>

#include "milter/answer.h"

static const struct answer_text answers[ANSWER_COUNT] = {
    [ANSWER_OK] = {"250", "2.0.0", "Ok"},
    [ANSWER_WAIT] = {"451", "4.3.0", "Not done yet; try again later"},
    [ANSWER_PASS] = {"250", "2.0.0", "Ok"},
    [ANSWER_NO_DOMAIN] = {"554", "5.7.1",
	"Relay access denied: no mail domain of our network"},
    /* An MX record outlives the permission by its TTL: a 5xx would bounce
	 * what the home itself, or another of its MX, still takes. */
    [ANSWER_NOT_BACKUP] = {"450", "4.7.1",
	"Not a backup for this domain now; try its other MX hosts"},
    [ANSWER_NO_MAILBOX] = {"550", "5.1.1", "No such mailbox here"},
    [ANSWER_MATCH_LIMIT] = {"450", "4.3.0",
	"Can't tell whether this mailbox exists; try again later"},
    [ANSWER_NO_CONNECTION] = {"451", "4.3.0",
	"Sealing is not available now; try again later"},
    [ANSWER_MIXED] = {"452", "4.5.3",
	"Recipients of different homes or keys; send to this one separately"},
    [ANSWER_TOO_MANY] = {"452", "4.5.3",
	"Too many recipients; send to this one separately"},
    [ANSWER_NO_KEY] = {"451", "4.7.5",
	"No usable key for this recipient; try again later"},
    [ANSWER_TOO_BIG] = {"552", "5.3.4",
	"Message is bigger than this recipient's home takes"},
    [ANSWER_NO_ROOM] = {"452", "4.3.1",
	"No room for this message; try again later"},
    /* Temporary: the home itself may well take it. */
    [ANSWER_BAD_SENDER] = {"451", "4.1.7",
	"Sender address not understood by this backup; try again later"},
    [ANSWER_BAD_RCPT] = {"553", "5.1.3", "Recipient address not understood"},
    [ANSWER_BUSY] = {"451", "4.3.2",
	"Too many messages are being sealed; try again later"},
    [ANSWER_LATE] = {"451", "4.4.7", "Sealing took too long; try again later"},
    [ANSWER_FEW_COPIES] = {"451", "4.4.1",
	"Too few friends could take a copy; try again later"},
    [ANSWER_HOME_UP] = {"451", "4.7.1",
	"The recipient's own server is up; deliver there, or try again in "
	"five minutes"},
    [ANSWER_NO_STORE] = {"451", "4.4.1",
	"The mail store does not answer; try again later"},
    [ANSWER_TROUBLE] = {"451", "4.3.0", "Local trouble; try again later"},
};

const struct answer_text *
answer_text(enum answer a)
{
	if ((unsigned)a >= ANSWER_COUNT || answers[a].code == NULL)
		return &answers[ANSWER_TROUBLE];
	return &answers[a];
}

bool
answer_is_permanent(enum answer a)
{
	return answer_text(a)->code[0] == '5';
}

void
answer_write(enum answer a, char *out, size_t outsize)
{
	const struct answer_text *t = answer_text(a);

	snprintf(out, outsize, "%s %s %s", t->code, t->status, t->text);
}
