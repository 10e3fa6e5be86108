/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * uri: what is read from a URI, or why it is refused, in one line of text per row. Each row runs at both edges of a page,
 * alone, and as what stands between brackets. THREATS P-9.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sip/limits.h"
#include "sip/test_guard.h"
#include "sip/uri.h"

static const char *const scheme_names[] = {"other", "sip", "sips", "tel", "urn"};

static void show(struct text *t, const struct sip_uri *u)
{
	text_start(t);
	text_add(t, "%s", scheme_names[u->scheme]);
	if (u->has_user || u->scheme > SIP_SCHEME_SIPS || u->scheme == SIP_SCHEME_OTHER)
		text_add(t, " u=%.*s", SV_ARG(u->user));
	if (u->has_password)
		text_add(t, " pw=%.*s", SV_ARG(u->password));
	if (u->host.n)
		text_add(t, " h=%.*s", SV_ARG(u->host));
	if (u->host_kind == LEX_HOST_V4 || u->host_kind == LEX_HOST_V6)
		text_add(t, u->host_kind == LEX_HOST_V4 ? " v4" : " v6");
	if (u->port)
		text_add(t, " p=%u", u->port);
	if (u->params.n)
		text_add(t, " %.*s", SV_ARG(u->params));
	if (u->headers.n)
		text_add(t, " ?%.*s", SV_ARG(u->headers));
	if (u->transport)
		text_add(t, " tp=%s", sip_transport_name(u->transport));
	if (u->maddr.n)
		text_add(t, " maddr=%.*s", SV_ARG(u->maddr));
	text_add(t, "%s%s%s%s%s", u->lr ? " lr" : "", u->user_phone ? " phone" : "",
		 u->gr ? " gr" : "", u->ob ? " ob" : "", u->escaped ? " esc" : "");
}

static const struct row {
	struct sv in;
	const char *want; /* "!fault@offset" when it is refused */
	const char *name;
} rows[] = {
	/* RFC 3261 §19.1.3 */
	{SV_INIT("sip:alice@atlanta.com"), "sip u=alice h=atlanta.com", "RFC 3261: user and host"},
	{SV_INIT("sip:alice:secretword@atlanta.com;transport=tcp"),
	 "sip u=alice pw=secretword h=atlanta.com ;transport=tcp tp=tcp", "RFC 3261: password"},
	{SV_INIT("sips:alice@atlanta.com?subject=project%20x&priority=urgent"),
	 "sips u=alice h=atlanta.com ?subject=project%20x&priority=urgent", "RFC 3261: headers"},
	{SV_INIT("sip:+1-212-555-1212:1234@gateway.com;user=phone"),
	 "sip u=+1-212-555-1212 pw=1234 h=gateway.com ;user=phone phone",
	 "RFC 3261: telephone-subscriber"},
	{SV_INIT("sips:1212@gateway.com"), "sips u=1212 h=gateway.com", "RFC 3261: number"},
	{SV_INIT("sip:alice@192.0.2.4"), "sip u=alice h=192.0.2.4 v4", "RFC 3261: address"},
	{SV_INIT("sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com"),
	 "sip h=atlanta.com ;method=REGISTER ?to=alice%40atlanta.com",
	 "RFC 3261: method and headers"},
	{SV_INIT("sip:alice;day=tuesday@atlanta.com"), "sip u=alice;day=tuesday h=atlanta.com",
	 "RFC 3261: semicolon in the user part"},
	/* RFC 3261 §19.1.4 */
	{SV_INIT("sip:%61lice@atlanta.com;transport=TCP"),
	 "sip u=%61lice h=atlanta.com ;transport=TCP tp=tcp esc", "escape in the user part"},
	{SV_INIT("sip:alice@AtLanTa.CoM;Transport=udp"),
	 "sip u=alice h=AtLanTa.CoM ;Transport=udp tp=udp", "case of names"},
	{SV_INIT("sip:carol@chicago.com;newparam=5"), "sip u=carol h=chicago.com ;newparam=5",
	 "unknown parameter"},
	{SV_INIT("sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com"),
	 "sip h=biloxi.com ;transport=tcp;method=REGISTER ?to=sip:bob%40biloxi.com tp=tcp",
	 "colon in a header"},
	{SV_INIT("SIP:ALICE@AtLanTa.CoM;Transport=TcP"),
	 "sip u=ALICE h=AtLanTa.CoM ;Transport=TcP tp=tcp", "scheme in upper case"},
	{SV_INIT("SiPs:a@b"), "sips u=a h=b", "sips in mixed case"},
	/* RFC 3966 */
	{SV_INIT("tel:+1-201-555-0123"), "tel u=+1-201-555-0123", "RFC 3966: global"},
	{SV_INIT("tel:7042;phone-context=example.com"), "tel u=7042 ;phone-context=example.com",
	 "RFC 3966: local, domain"},
	{SV_INIT("tel:863-1234;phone-context=+1-914-555"),
	 "tel u=863-1234 ;phone-context=+1-914-555", "RFC 3966: local, prefix"},
	{SV_INIT("TEL:+358-555-1234567;postd=pp22"), "tel u=+358-555-1234567 ;postd=pp22",
	 "RFC 2806: postd"},
	{SV_INIT("tel:+1(201)555.0123;ext=12;isub=34"), "tel u=+1(201)555.0123 ;ext=12;isub=34",
	 "visual separators, extension"},
	{SV_INIT("tel:*21*#;phone-context=example.com"), "tel u=*21*# ;phone-context=example.com",
	 "star and hash"},
	{SV_INIT("tel:aF09;phone-context=x.y"), "tel u=aF09 ;phone-context=x.y",
	 "hexadecimal digits, local"},
	/* §5.1.5 wants a phone-context; phones leave it out and are understood */
	{SV_INIT("tel:7042"), "tel u=7042", "local without phone-context"},
	{SV_INIT("tel:7042;phone-context"), "tel u=7042 ;phone-context",
	 "phone-context without a value"},
	{SV_INIT("tel:7042;phone-context="),
	 "tel u=7042 ;phone-context=", "phone-context with an empty value"},
	{SV_INIT("tel:7042;isub=1"), "tel u=7042 ;isub=1", "local with another parameter only"},
	{SV_INIT("tel:7042;PHONE-Context=x.y"), "tel u=7042 ;PHONE-Context=x.y",
	 "phone-context in any case"},
	{SV_INIT("tel:"), "!uri@4", "tel alone"},
	{SV_INIT("tel:+"), "!uri@4", "a plus"},
	{SV_INIT("tel:+-.()"), "!uri@4", "separators only"},
	{SV_INIT("tel:+12a"), "!uri@7", "letter in a global number"},
	{SV_INIT("tel:+1*2"), "!uri@6", "star in a global number"},
	{SV_INIT("tel:++1"), "!uri@4", "two pluses"},
	{SV_INIT("tel:+1;"), "!uri@7", "empty parameter of tel"},
	{SV_INIT("tel:+1;;a"), "!uri@7", "two semicolons of tel"},
	{SV_INIT("tel:+1 2"), "!uri@6", "space in a number"},
	{SV_INIT("tel:+1@host"), "!uri@6", "tel with a host"},
	{SV_INIT("tel:+1?a=b"), "!uri@6", "tel with headers"},
	/* nothing, or hardly anything */
	{SV_INIT(""), "!uri@0", "empty"},
	{SV_INIT("/"), "!uri@0", "a slash (CVE-2021-33056)"},
	{SV_INIT(":"), "!uri@0", "a colon"},
	{SV_INIT("@"), "!uri@0", "an at sign"},
	{SV_INIT("s"), "!uri@0", "a letter"},
	{SV_INIT("sip"), "!uri@0", "sip without colon"},
	{SV_INIT("sips"), "!uri@0", "sips without colon"},
	{SV_INIT("sip:"), "!uri@3", "sip alone"},
	{SV_INIT("sips:"), "!uri@5", "sips alone"},
	{SV_INIT("sip:a"), "sip h=a", "the shortest"},
	{SV_INIT("sips:a"), "sips h=a", "the shortest sips"},
	{SV_INIT("sip:@"), "!uri@4", "at sign alone"},
	{SV_INIT("sip:@host"), "!uri@4", "empty user"},
	{SV_INIT("sip:a@"), "!uri@6", "empty host"},
	{SV_INIT("sip::@host"), "!uri@4", "empty user and password"},
	{SV_INIT("sip::pw@host"), "!uri@4", "password without user"},
	{SV_INIT("sip:;lr"), "!uri@4", "parameter without host"},
	{SV_INIT("sip:?a=b"), "!uri@4", "header without host"},
	{SV_INIT("sip://host"), "!uri@4", "slashes as of http"},
	{SV_INIT("sip:\"a\"@b"), "!uri@4", "quotes"},
	{SV_INIT("alice@atlanta.com"), "!uri@0", "no scheme"},
	{SV_INIT("192.0.2.1:5060"), "!uri@0", "address and port are no scheme"},
	{SV_INIT("<sip:a@b>"), "!uri@0", "brackets (RFC 4475 ltgtruri)"},
	{SV_INIT(" sip:a@b"), "!uri@0", "leading space"},
	{SV_INIT("sip:a@b "), "!uri@7", "trailing space"},
	{SV_INIT("sip: a@b"), "!uri@4", "space behind the colon"},
	{SV_INIT("sip:a b@c"), "!uri@5", "space in the user part"},
	{SV_INIT("sip:a@b\r\n"), "!uri@7", "line end behind"},
	{SV_INIT("sip:a@b;\r\n lr"), "!uri@8", "fold inside"},
	{SV_INIT("sip:a@b\0"), "!uri@7", "NUL behind"},
	{SV_INIT("sip:a\0b@c"), "!uri@5", "NUL in the user part"},
	{SV_INIT("sip:\xc3\xbc@b"), "!uri@4", "raw UTF-8 in the user part"},
	{SV_INIT("sip:a@\xc3\xbc"), "!uri@6", "raw UTF-8 in the host"},
	/* user part */
	{SV_INIT("sip:user;par=u%40example.net@example.com"),
	 "sip u=user;par=u%40example.net h=example.com esc", "RFC 4475 semiuri"},
	{SV_INIT("sip:sips%3Auser%40example.com@example.net"),
	 "sip u=sips%3Auser%40example.com h=example.net esc", "RFC 4475 esc01"},
	{SV_INIT("sip:null-%00-null@example.com"), "sip u=null-%00-null h=example.com esc",
	 "RFC 4475 escnull"},
	{SV_INIT("sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/"
		 ";;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
		 "@example.com"),
	 "sip u=1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;* "
	 "pw=&it+has=1,weird!*pas$wo~d_too.(doesn't-it) h=example.com",
	 "RFC 4475 intmeth"},
	{SV_INIT("sip:*97#@pbx"), "sip u=*97# h=pbx", "hash dialled unescaped"},
	{SV_INIT("sip:a?b=c@d"), "sip u=a?b=c h=d", "question mark in the user part"},
	{SV_INIT("sip:a,b@c"), "sip u=a,b h=c", "comma in the user part"},
	{SV_INIT("sip:a/b@c"), "sip u=a/b h=c", "slash in the user part"},
	{SV_INIT("sip:a@b@c"), "!uri@7", "two at signs"},
	{SV_INIT("sip:a%40b@c"), "sip u=a%40b h=c esc", "escaped at sign"},
	{SV_INIT("sip:a:b:c@d"), "!uri@5", "two colons before the at sign"},
	{SV_INIT("sip:a:b;c@d"), "!uri@5", "semicolon in a password"},
	{SV_INIT("sip:a:@b"), "sip u=a pw= h=b", "empty password"},
	{SV_INIT("sip:a:%70%77@b"), "sip u=a pw=%70%77 h=b esc", "escapes in the password"},
	{SV_INIT("sip:a:b/c@d"), "!uri@5", "slash in a password"},
	{SV_INIT("sip:a[b]@c"), "!uri@5", "brackets in the user part"},
	{SV_INIT("sip:a\\b@c"), "!uri@5", "backslash in the user part"},
	{SV_INIT("sip:a<b@c"), "!uri@5", "bracket in the user part"},
	{SV_INIT("sip:a%@b"), "!uri@5", "percent alone"},
	{SV_INIT("sip:a%4@b"), "!uri@5", "percent and one digit"},
	{SV_INIT("sip:a%zz@b"), "!uri@5", "percent and no digits"},
	{SV_INIT("sip:a%"), "!uri@5", "percent at the end"},
	{SV_INIT("sip:a%4"), "!uri@5", "percent and one digit at the end"},
	{SV_INIT("sip:%@b"), "!uri@4", "percent is the user"},
	{SV_INIT("sip:%%40@b"), "!uri@4", "percent before an escape"},
	{SV_INIT("sip:%2525@b"), "sip u=%2525 h=b esc", "an escaped percent is decoded once"},
	{SV_INIT("sip:ho%73t"), "!uri@6", "escape in a host"},
	/* host and port */
	{SV_INIT("sip:host:5060"), "sip h=host p=5060", "port without user"},
	{SV_INIT("sip:5060"), "!uri@4", "a number is no host"},
	{SV_INIT("sip:a@b:1"), "sip u=a h=b p=1", "port 1"},
	{SV_INIT("sip:a@b:65535"), "sip u=a h=b p=65535", "port 65535"},
	{SV_INIT("sip:a@b:65536"), "!uri@7", "port 65536"},
	{SV_INIT("sip:a@b:99999"), "!uri@7", "port 99999"},
	{SV_INIT("sip:a@b:0"), "!uri@7", "port 0"},
	{SV_INIT("sip:a@b:"), "!uri@7", "port missing"},
	{SV_INIT("sip:a@b:005060"), "!uri@7", "port of six digits"},
	{SV_INIT("sip:a@b:-1"), "!uri@7", "negative port"},
	{SV_INIT("sip:a@b:5060x"), "!uri@12", "letter behind the port"},
	{SV_INIT("sip:a@b:5060:5061"), "!uri@12", "two ports"},
	{SV_INIT("sip:a@b: 5060"), "!uri@7", "space before the port"},
	{SV_INIT("sip:a@b."), "sip u=a h=b.", "trailing dot"},
	{SV_INIT("sip:a@.b"), "!uri@6", "leading dot"},
	{SV_INIT("sip:a@b..c"), "!uri@6", "empty label"},
	{SV_INIT("sip:a@192.0.2.256"), "!uri@6", "byte above 255"},
	{SV_INIT("sip:a@192.0.2"), "!uri@6", "three bytes"},
	{SV_INIT("sip:a@127.1"), "!uri@6", "short form of an address"},
	{SV_INIT("sip:a@127.0.0.1."), "!uri@6", "address with a trailing dot"},
	{SV_INIT("sip:a@0x7f.0.0.1"), "!uri@6", "hexadecimal address"},
	{SV_INIT("sip:a@2130706433"), "!uri@6", "address as one number"},
	{SV_INIT("sip:[2001:db8::10]"), "sip h=[2001:db8::10] v6", "RFC 5118: IPv6"},
	{SV_INIT("sip:[2001:db8::10:5070]"), "sip h=[2001:db8::10:5070] v6",
	 "RFC 5118 §4.3: no port"},
	{SV_INIT("sip:[2001:db8::10]:5070"), "sip h=[2001:db8::10] v6 p=5070",
	 "RFC 5118 §4.4: port"},
	{SV_INIT("sip:2001:db8::10"), "!uri@4", "RFC 5118 §4.2: IPv6 without brackets"},
	{SV_INIT("sip:user@[2001:db8:::192.0.2.1]"), "sip u=user h=[2001:db8:::192.0.2.1] v6",
	 "RFC 5118 §4.10: three colons"},
	{SV_INIT("sip:user@[::ffff:192.0.2.1]:5061;lr"),
	 "sip u=user h=[::ffff:192.0.2.1] v6 p=5061 ;lr lr", "mapped address"},
	{SV_INIT("sip:a@[::1]x"), "!uri@11", "behind the bracket"},
	{SV_INIT("sip:a@[::1"), "!uri@6", "bracket never closed"},
	{SV_INIT("sip:a@::1]"), "!uri@6", "bracket never opened"},
	{SV_INIT("sip:a@[]"), "!uri@6", "empty brackets"},
	{SV_INIT("sip:a@[fe80::1%25eth0]"), "!uri@6", "zone"},
	/* parameters */
	{SV_INIT("sip:a@b;lr"), "sip u=a h=b ;lr lr", "lr"},
	{SV_INIT("sip:a@b;LR"), "sip u=a h=b ;LR lr", "LR"},
	{SV_INIT("sip:a@b;lr=on"), "sip u=a h=b ;lr=on lr", "lr with a value"},
	{SV_INIT("sip:a@b;lr="), "sip u=a h=b ;lr= lr", "lr with an empty value"},
	{SV_INIT("sip:a@b;lr;lr"), "sip u=a h=b ;lr;lr lr", "lr twice"},
	{SV_INIT("sip:a@b;lr;lr=on"), "!uri@11", "lr twice, once with a value"},
	{SV_INIT("sip:a@b;lr=;lr"), "!uri@12", "lr twice, once with an empty value"},
	{SV_INIT("sip:a@b;l%72;x;l%72"), "sip u=a h=b ;l%72;x;l%72 lr", "lr twice, escaped alike"},
	{SV_INIT("sip:a@b;lrx;xlr"), "sip u=a h=b ;lrx;xlr", "not lr"},
	{SV_INIT("sip:a@b;%6C%72;n%61me=v%61lue%25%34%31"),
	 "sip u=a h=b ;%6C%72;n%61me=v%61lue%25%34%31 lr", "RFC 4475 esc01: lr escaped"},
	{SV_INIT("sip:a@b;lr;%6cr"), "!uri@11", "lr twice, once escaped"},
	{SV_INIT("sip:a@b;%74ransport=%54cp"), "sip u=a h=b ;%74ransport=%54cp tp=tcp",
	 "transport escaped"},
	{SV_INIT("sip:a@b;m%61ddr=%31"), "sip u=a h=b ;m%61ddr=%31 maddr=%31",
	 "maddr is kept as written"},
	{SV_INIT("sip:a@b;%61%61%61%61%61%61%61%61%61%61%61=1"),
	 "sip u=a h=b ;%61%61%61%61%61%61%61%61%61%61%61=1", "a longer name escaped"},
	{SV_INIT("sip:a@b;transport=%61%61%61%61%61%61%61%61%61%61%61"),
	 "sip u=a h=b ;transport=%61%61%61%61%61%61%61%61%61%61%61 tp=", "a longer value escaped"},
	{SV_INIT("sip:a@b;ob;gr"), "sip u=a h=b ;ob;gr gr ob", "outbound, GRUU"},
	{SV_INIT("sip:a@b;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
	 "sip u=a h=b ;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6 gr", "public GRUU"},
	{SV_INIT("sip:a@b;ab"), "sip u=a h=b ;ab", "two letters, unknown"},
	{SV_INIT("sip:a@b;transport=udp"), "sip u=a h=b ;transport=udp tp=udp", "udp"},
	{SV_INIT("sip:a@b;transport=tls"), "sip u=a h=b ;transport=tls tp=tls", "tls"},
	{SV_INIT("sip:a@b;transport=sctp"), "sip u=a h=b ;transport=sctp tp=sctp", "sctp"},
	{SV_INIT("sip:a@b;transport=tls-sctp"), "sip u=a h=b ;transport=tls-sctp tp=tls-sctp",
	 "tls-sctp"},
	{SV_INIT("sip:a@b;transport=ws"), "sip u=a h=b ;transport=ws tp=ws", "ws"},
	{SV_INIT("sip:a@b;transport=WSS"), "sip u=a h=b ;transport=WSS tp=wss", "wss"},
	{SV_INIT("sip:a@b;transport=carrier-pigeon"),
	 "sip u=a h=b ;transport=carrier-pigeon tp=", "unknown transport"},
	{SV_INIT("sip:a@b;transport=tcp;transport=udp"), "!uri@22", "transport twice"},
	{SV_INIT("sip:a@b;transport=udp;transport=udp"),
	 "sip u=a h=b ;transport=udp;transport=udp tp=udp", "the same transport twice"},
	{SV_INIT("sip:a@b;transport=udp;x=y;Transport=udp;TRANSPORT=udp"),
	 "sip u=a h=b ;transport=udp;x=y;Transport=udp;TRANSPORT=udp tp=udp",
	 "the same transport three times"},
	{SV_INIT("sip:a@b;transport=udp;transport=UDP"), "!uri@22", "transport in another case"},
	{SV_INIT("sip:a@b;transport=udp;transport=udp;transport=tcp"), "!uri@36",
	 "the same transport twice, and another"},
	{SV_INIT("sip:a@b;transport=udp;transport=%75dp"), "!uri@22",
	 "transport twice, once escaped"},
	{SV_INIT("sip:a@b;transport=udp;transport"), "!uri@22", "transport twice, once empty"},
	{SV_INIT("sip:a@b;transport=x;transport=x"),
	 "sip u=a h=b ;transport=x;transport=x tp=", "unknown transport twice"},
	{SV_INIT("sip:a@b;maddr=c;maddr=c"), "sip u=a h=b ;maddr=c;maddr=c maddr=c",
	 "the same maddr twice"},
	{SV_INIT("sip:a@b;maddr=c;maddr=d"), "!uri@16", "maddr twice"},
	{SV_INIT("sip:a@b;maddr=;maddr="), "!uri@8", "an empty maddr twice"},
	{SV_INIT("sip:a@b;transport"), "!uri@8", "transport without value"},
	{SV_INIT("sip:a@b;transport="), "!uri@8", "transport with an empty value"},
	{SV_INIT("sip:a@b;maddr=239.255.255.1;ttl=15"),
	 "sip u=a h=b ;maddr=239.255.255.1;ttl=15 maddr=239.255.255.1", "maddr and ttl"},
	{SV_INIT("sip:a@b;maddr=[::1]"), "sip u=a h=b ;maddr=[::1] maddr=[::1]", "maddr of IPv6"},
	{SV_INIT("sip:a@b;maddr="), "!uri@8", "maddr with an empty value"},
	{SV_INIT("sip:a@b;maddr"), "!uri@8", "maddr without value"},
	{SV_INIT("sip:a@b;user=phone;user=ip"), "!uri@19", "user twice"},
	{SV_INIT("sip:a@b;gr=1;GR=2"), "!uri@13", "gr twice"},
	{SV_INIT("sip:a@b;ttl=1;ttl=2"), "!uri@14", "ttl twice"},
	{SV_INIT("sip:a@b;method=BYE;method=ACK"), "!uri@19", "method twice"},
	{SV_INIT("sip:a@b;ob;ob"), "sip u=a h=b ;ob;ob ob", "ob twice"},
	{SV_INIT("tel:7042;phone-context=a.b;phone-context=c.d"), "!uri@27", "phone-context twice"},
	{SV_INIT("tel:7042;phone%2Dcontext=a.b"), "!uri@9", "an escape in a name of tel"},
	{SV_INIT("sip:a@b;user=ip"), "sip u=a h=b ;user=ip", "user=ip"},
	{SV_INIT("sip:a@b;USER=Phone"), "sip u=a h=b ;USER=Phone phone", "user in upper case"},
	{SV_INIT("sip:a@b;comp=sigcomp;x=%41:[]/&+$"), "sip u=a h=b ;comp=sigcomp;x=%41:[]/&+$",
	 "odd paramchars"},
	{SV_INIT("sip:a@b;"), "!uri@8", "empty parameter"},
	{SV_INIT("sip:a@b;;lr"), "!uri@8", "two semicolons"},
	{SV_INIT("sip:a@b;=x"), "!uri@8", "value without name"},
	{SV_INIT("sip:a@b;x=y=z"), "!uri@11", "two equal signs"},
	{SV_INIT("sip:a@b;x=\"y\""), "!uri@10", "quoted value"},
	{SV_INIT("sip:a@b;x=%4"), "!uri@10", "escape cut short"},
	{SV_INIT("sip:a@b;x=a,b"), "!uri@11", "comma in a parameter"},
	{SV_INIT("sip:a@b;x=a@c"), "!uri@11", "at sign in a parameter"},
	{SV_INIT("sip:a@b; lr"), "!uri@8", "RFC 4475 lwsruri"},
	/* headers */
	{SV_INIT("sip:user@example.com?Route=%3Csip:example.com%3E"),
	 "sip u=user h=example.com ?Route=%3Csip:example.com%3E",
	 "RFC 4475 escruri: read here, refused by check"},
	{SV_INIT("sip:a@b?"), "!uri@8", "empty headers"},
	{SV_INIT("sip:a@b?x"), "sip u=a h=b ?x", "header without a value"},
	{SV_INIT("sip:a@b?x=y?z"), "sip u=a h=b ?x=y?z", "question mark in a header"},
	{SV_INIT("sip:a@b?x=%0d%0aVia:"),
	 "sip u=a h=b ?x=%0d%0aVia:", "escaped line end stays escaped"},
	{SV_INIT("sip:a@b?x=y\r\nVia: z"), "!uri@11", "raw line end in a header"},
	{SV_INIT("sip:a@b?x;y"), "!uri@9", "semicolon in a header"},
	{SV_INIT("sip:a@b?x=%g0"), "!uri@10", "bad escape in a header"},
	{SV_INIT("sip:a@b;lr?x=y"), "sip u=a h=b ;lr ?x=y lr", "parameter, then header"},
	/* other schemes */
	{SV_INIT("nobodyKnowsThisScheme:totallyopaquecontent"), "other u=totallyopaquecontent",
	 "RFC 4475 unkscm"},
	{SV_INIT("soap.beep://192.0.2.103:3002"), "other u=//192.0.2.103:3002", "RFC 4475 novelsc"},
	{SV_INIT("isbn:2983792873"), "other u=2983792873", "RFC 4475 unksm2"},
	{SV_INIT("http://www.example.com/a?b#c"), "other u=//www.example.com/a?b#c", "http"},
	{SV_INIT("mailto:a@b"), "other u=a@b", "mailto"},
	{SV_INIT("urn:service:sos"), "urn u=service:sos", "urn"},
	{SV_INIT("URN:uuid:f81d4fae"), "urn u=uuid:f81d4fae", "URN"},
	{SV_INIT("urn:"), "!uri@4", "urn alone"},
	{SV_INIT("x:"), "!uri@2", "scheme alone"},
	{SV_INIT("sipx:a@b"), "other u=a@b", "sipx"},
	{SV_INIT("sipss:a@b"), "other u=a@b", "sipss"},
	{SV_INIT("si:a@b"), "other u=a@b", "si"},
	{SV_INIT("im:a@b"), "other u=a@b", "im"},
	{SV_INIT("telx:1"), "other u=1", "telx"},
	{SV_INIT("1x:a"), "!uri@0", "scheme begins with a digit"},
	{SV_INIT("+x:a"), "!uri@0", "scheme begins with a plus"},
	{SV_INIT("a_b:c"), "!uri@0", "underscore in a scheme"},
	{SV_INIT("x:a b"), "!uri@3", "space in an opaque part"},
	{SV_INIT("x:<a>"), "!uri@2", "brackets in an opaque part"},
	{SV_INIT("x:\"a\""), "!uri@2", "quotes in an opaque part"},
	{SV_INIT("x:\xc3\xbc"), "!uri@2", "UTF-8 in an opaque part"},
	{SV_INIT("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl:x"), "other u=x",
	 "scheme of 64 bytes"},
	{SV_INIT("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm:x"), "!uri@0",
	 "scheme of 65 bytes"},
};

static void fault_text(struct text *t, const struct sip_where *at)
{
	text_start(t);
	text_add(t, "!%s@%u", sip_fault_token(at->fault), at->off);
}

static void parse_and_show(struct text *t, struct sv in)
{
	struct sip_where at = {4711, SIP_OK, 99};
	struct sip_uri u;
	int err = sip_uri_parse(&u, in, &at);

	if (err)
		fault_text(t, &at);
	else
		show(t, &u);
	/* what is read lies inside the text, and success touches no error */
	if (!err) {
		assert_ptr_equal(u.text.p, in.p);
		assert_int_equal(u.text.n, in.n);
		assert_int_equal(at.off, 4711);
	} else {
		assert_true(err == (at.fault == SIP_FAULT_URI ? MG_EPARSE : MG_ELIMIT));
		assert_true(at.off <= in.n);
		assert_int_equal(at.hid, 0);
	}
}

static void every_row(void **state)
{
	struct fence f = fence_init(2048);
	static struct text got;
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned place = 0; place < FENCE_PLACES; place++) {
			parse_and_show(&got, fence_put(&f, rows[i].in, place));
			if (strcmp(got.p, rows[i].want) != 0)
				row_differs(&bad, rows[i].name, got.p, rows[i].want);
		}
	fence_done(&f);
	print_message("%zu rows\n", sizeof(rows) / sizeof(rows[0]));
	assert_int_equal(bad, 0);
}

/* Between brackets the URI ends at ">" as it does at the end. */
static void every_row_in_brackets(void **state)
{
	struct fence f = fence_init(2048);
	static struct text in, got;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lex_ctx e = {0};
		struct sip_uri u;
		text_start(&in);
		text_put(&in, rows[i].in);
		text_put(&in, SV(">;x"));
		struct sv all = fence_put(&f, text_sv(&in), FENCE_END);
		const char *q = sip_uri_scan(&u, all.p, all.p + all.n, &e);
		bool whole = q == all.p + rows[i].in.n;
		if (whole) {
			show(&got, &u);
			assert_string_equal(got.p, rows[i].want);
		} else {
			assert_int_equal(rows[i].want[0], '!');
		}
	}
	fence_done(&f);
}

/* No prefix of a URI makes the parser look behind it, whatever it says. */
static void every_prefix(void **state)
{
	struct fence f = fence_init(2048);
	struct sip_where at;
	struct sip_uri u;
	unsigned taken = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t n = 0; n <= rows[i].in.n; n++)
			taken += sip_uri_parse(&u, fence_put(&f, sv_of(rows[i].in.p, n), FENCE_END),
					       &at) == 0;
	fence_done(&f);
	assert_true(taken > 1000);
}

/* A URI of `n` bytes whose `part` is as long as it takes. */
enum part { USER, PASSWORD, HOST, PARAM_NAME, PARAM_VALUE, HEADER, OPAQUE, NUMBER, PARTS };

static void long_uri(struct text *t, enum part part, size_t n)
{
	static const char *const before[PARTS] = {"sip:",     "sip:a:", "sip:", "sip:h;",
						  "sip:h;a=", "sip:h?", "x:",   "tel:+"};
	static const char *const after[PARTS] = {"@h", "@h", "", "", "", "", "", ""};

	text_start(t);
	text_add(t, "%s", before[part]);
	text_fill(t, part == NUMBER ? '1' : 'a', n - t->n - strlen(after[part]));
	text_add(t, "%s", after[part]);
	assert_int_equal(t->n, n);
}

static void long_parts(void **state)
{
	static const size_t lengths[] = {63,   64,    65,    127,   128,   129,   255,   256,
					 257,  511,   512,   513,   1023,  1024,  1025,  2047,
					 2048, 2049,  4095,  4096,  4097,  8191,  8192,  8193,
					 9999, 16383, 16384, 16385, 32767, 32768, 32769, 65000};
	struct fence f = fence_init(65536);
	static struct text t;

	(void)state;
	for (enum part part = USER; part < PARTS; part++)
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
			for (unsigned place = 0; place < FENCE_PLACES; place++) {
				struct sip_where at;
				struct sip_uri u;
				long_uri(&t, part, lengths[i]);
				int err = sip_uri_parse(&u, fence_put(&f, text_sv(&t), place), &at);
				if (lengths[i] <= SIP_URI_MAX) {
					assert_int_equal(err, 0);
				} else {
					assert_int_equal(err, MG_ELIMIT);
					assert_int_equal(at.fault, SIP_FAULT_TOO_LONG);
				}
			}
	fence_done(&f);
}

static void parameters_at_the_limit(void **state)
{
	static const char *const begins[] = {"sip:h", "tel:+1"};
	static struct text t;

	(void)state;
	for (size_t b = 0; b < 2; b++)
		for (unsigned n = SIP_PARAMS_MAX; n <= SIP_PARAMS_MAX + 1; n++) {
			struct sip_where at = {0};
			struct sip_uri u;
			text_start(&t);
			text_add(&t, "%s", begins[b]);
			for (unsigned i = 0; i < n; i++)
				text_add(&t, ";p%u=%u", i, i);
			int err = sip_uri_parse(&u, text_sv(&t), &at);
			assert_int_equal(err, n > SIP_PARAMS_MAX ? MG_ELIMIT : 0);
			assert_int_equal(at.fault,
					 n > SIP_PARAMS_MAX ? SIP_FAULT_TOO_MANY_PARAMS : SIP_OK);
		}
}

static void transports(void **state)
{
	(void)state;
	for (unsigned t = SIP_TRANSPORT_UDP; t <= SIP_TRANSPORT_WSS; t++)
		assert_int_equal(sip_transport_find(sv_str(sip_transport_name(t))), t);
	assert_string_equal(sip_transport_name(SIP_TRANSPORT_NONE), "");
	assert_string_equal(sip_transport_name(SIP_TRANSPORT_OTHER), "");
	assert_int_equal(sip_transport_find(SV("Tls-Sctp")), SIP_TRANSPORT_TLS_SCTP);
	assert_int_equal(sip_transport_find(SV("udpx")), SIP_TRANSPORT_OTHER);
	assert_int_equal(sip_transport_find(SV("")), SIP_TRANSPORT_OTHER);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(every_row_in_brackets),
		cmocka_unit_test(every_prefix),
		cmocka_unit_test(long_parts),
		cmocka_unit_test(parameters_at_the_limit),
		cmocka_unit_test(transports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
