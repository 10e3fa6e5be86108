/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * running_tls: the TLS contexts of a configuration: one for each group of `tls`, and one for connections that we open. Called by running.c.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/running_priv.h"

const char *const settings_authorities[] = {"/etc/ssl/certs/ca-certificates.crt",
					    "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem",
					    NULL};

int system_authorities_open(void)
{
	int fd = -1;

	for (size_t i = 0; fd < 0 && settings_authorities[i]; i++)
		fd = open(settings_authorities[i], O_RDONLY | O_CLOEXEC);
	return fd;
}

static const char *allowed_for(const char *file)
{
	if (strcmp(file, "certificate") == 0)
		return "a PEM file that begins with a certificate valid now";
	if (strcmp(file, "key") == 0)
		return "the private key of the certificate, PEM without a pass phrase";
	return strcmp(file, "ca") == 0 ? "a PEM file of authorities"
				       : "a PEM file of revocation lists";
}

/* `i`: which group of `tls` it is of; none: beyond the last. */
static void tell_wrong(const struct settings *s, size_t i, const char *file, const char *why,
		       struct conf_faults *faults)
{
	char name[64];

	snprintf(name, sizeof(name), "tls[%zu].%s", i, file);
	settings_fault(s, faults, i < s->tls.n ? name : "tls", why,
		       *file ? allowed_for(file) : "what OpenSSL can use");
}

static struct tls_context *make_tls(const struct running *r, const struct tls_settings_conf *conf,
				    size_t i, bool server, struct conf_faults *faults)
{
	const char *wrong = "";
	const struct keys *keys = r->node && server ? &r->node->keys : NULL;
	char why[256] = "";
	struct tls_settings s = {.name = conf->name,
				 .cert_fd = conf->certificate.fd,
				 .key_fd = conf->key.fd,
				 .ca_fd = conf->ca.fd >= 0 ? conf->ca.fd : r->system_ca,
				 .system_ca = conf->ca.fd < 0,
				 .crl_fd = conf->crl.fd,
				 .verify = (enum tls_verify)conf->verify_client,
				 .server = server,
				 .verify_server = conf->verify_server,
				 .wildcards = conf->wildcards,
				 .ticket_keys = keys ? keys->ticket : NULL,
				 .n_ticket_keys = keys ? KEYS_TICKETS : 0,
				 .wrong = &wrong};
	struct tls_context *context = tls_context_new(&s, why, sizeof(why));

	if (!context)
		tell_wrong(&r->loaded->settings, i, wrong, why, faults);
	return context;
}

/* The settings for connections we open: those marked so, else the authorities and policy of the first, without its certificate. `of`: which of them. */
static struct tls_settings_conf client_settings(const struct settings *s, size_t *of)
{
	const struct tls_settings_conf *conf = s->tls.items;
	struct tls_settings_conf client = {.name = "client",
					   .certificate = {.fd = -1},
					   .key = {.fd = -1},
					   .ca = {.fd = -1},
					   .crl = {.fd = -1},
					   .verify_server = true};

	for (size_t i = 0; i < s->tls.n; i++) {
		*of = i;
		if (conf[i].client)
			return conf[i];
	}
	*of = 0;
	if (s->tls.n > 0) {
		client.ca = conf[0].ca;
		client.verify_server = conf[0].verify_server;
		client.wildcards = conf[0].wildcards;
	}
	return client;
}

/* Without any authorities nobody can be verified: there is no context then, and what would go by TLS fails at once. */
static int make_client(struct running *r, struct conf_faults *faults)
{
	size_t of;
	struct tls_settings_conf client = client_settings(&r->loaded->settings, &of);
	struct log_line l;

	if (client.ca.fd < 0 && r->system_ca < 0) {
		log_begin(&l, LOG_WARNING, "sip", "no_authorities");
		log_str(&l, "missing", settings_authorities[0]);
		log_str(&l, "off", "outgoing_tls");
		log_end(&l);
		return 0;
	}
	r->tls_client = make_tls(r, &client, of, false, faults);
	return r->tls_client ? 0 : MG_EPARSE;
}

int running_make_tls(struct running *r, struct conf_faults *faults)
{
	const struct settings *s = &r->loaded->settings;
	const struct tls_settings_conf *conf = s->tls.items;
	int err = 0;

	r->tls = calloc(s->tls.n + 1, sizeof(struct tls_context *));
	if (!r->tls)
		return MG_ENOMEM;
	for (size_t i = 0; i < s->tls.n; i++) {
		r->tls[i] = make_tls(r, &conf[i], i, true, faults);
		if (!r->tls[i])
			err = MG_EPARSE;
	}
	return err ? err : make_client(r, faults);
}

/* The contexts of a zone, NULL-ended, in its order. */
void running_zone_tls(struct running *r, const struct zone_settings *zone,
		      const struct tls_context **out)
{
	const struct settings *s = &r->loaded->settings;
	const struct tls_settings_conf *conf = s->tls.items;
	const char *const *name = zone->tls.items;
	size_t n = 0;

	for (size_t i = 0; i < zone->tls.n; i++) {
		for (size_t k = 0; k < s->tls.n; k++) {
			if (strcmp(conf[k].name, name[i]) == 0)
				out[n++] = r->tls[k];
		}
	}
	for (size_t k = 0; n == 0 && zone->tls.n == 0 && k < s->tls.n; k++)
		out[k] = r->tls[k];
}
