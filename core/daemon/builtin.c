/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * builtin: the modules that are linked in. A new one is a folder under modules/, a library in CMakeLists.txt, and a line here.
 */
#include "chain/chain.h"

extern const struct mg_module acl_module, route_module, sanity_module, shield_module;

const struct mg_module *const chain_builtin[] = {&acl_module, &route_module, &sanity_module, &shield_module, NULL};
