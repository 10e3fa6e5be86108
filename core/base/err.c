/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * err: names of the error codes.
 */
#include "base/err.h"

#include <string.h>

const char *mg_err_name(int err)
{
	switch (err) {
	case MG_OK: return "OK";
	case MG_EPARTIAL: return "EPARTIAL";
	case MG_EPARSE: return "EPARSE";
	case MG_ELIMIT: return "ELIMIT";
	case MG_EFROZEN: return "EFROZEN";
	case MG_EAUTH: return "EAUTH";
	case MG_ESTALE: return "ESTALE";
	default: break;
	}
	const char *name = err < 0 && err > -1000 ? strerrorname_np(-err) : NULL;
	return name ? name : "E?";
}
