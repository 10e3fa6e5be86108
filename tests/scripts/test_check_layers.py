# SPDX-License-Identifier: GPL-3.0-or-later
"""scripts/check_layers.py: one good tree, and each way in which a tree can be bad."""
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check_layers.py"

GOOD = {
    "core/CMakeLists.txt": "add_subdirectory(base)\n",
    "core/base/CMakeLists.txt": "# base\nmg_room(base SOURCES sv.c)\nmg_test(base sv)\n",
    "core/base/sv.h": "#include <stddef.h>\n",
    "core/base/sv.c": '#include "base/sv.h"\n',
    "core/event/CMakeLists.txt": "mg_room(event SOURCES loop.c USES base PkgConfig::libevent)\n",
    "core/event/loop.h": '#include "base/sv.h"\n',
    "core/event/loop.c": '#include <event2/event.h>\n#include "event/loop.h"\n',
    "core/conf/schema.h": '#include "base/sv.h"\n',
    "core/conf/load.h": '#include "base/sv.h"\n',
    "core/sip/CMakeLists.txt": "mg_room(sip\n\tSOURCES uri.c\n\tUSES base OpenSSL::Crypto)\nmg_test(sip uri)\n",
    "core/sip/uri.h": '#include "base/sv.h"\n',
    "core/sip/sip_priv.h": '#include "sip/uri.h"\n',
    "core/sip/uri.c": '#include "sip/uri.h"\n#include "sip/sip_priv.h"\n#include <openssl/evp.h>\n',
    "core/sip/uri_test.c": '#include <cmocka.h>\n#include "sip/sip_priv.h"\n',
    "core/chain/mg_module.h": '#include "sip/uri.h"\n#include "conf/load.h"\n',
    "core/transport/udp.h": '/* not an include:\n#include "router/forward.h"\n*/\n#include "conf/schema.h"\n',
    "core/transport/CMakeLists.txt": "mg_room(transport SOURCES udp.c USES sip event conf)\n",
    "core/router/forward.h": '#include "transport/udp.h"\n',
    "core/daemon/flow.c": '#include "router/forward.h"\n#include "chain/mg_module.h"\n',
    "modules/acl/acl.h": "\n",
    "modules/acl/acl.c": '#include "chain/mg_module.h"\n#include "acl.h"\n',
    "modules/acl/acl_test.c": '#include "chain/test_module.h"\n#include "acl.h"\n',
    "modules/acl/CMakeLists.txt": "mg_room(module_acl SOURCES acl.c USES chain)\nmg_test(module_acl acl)\n",
    "core/chain/chain.h": "\n",
    "core/chain/test_module.h": '#include "chain/mg_module.h"\n',
    "core/daemon/CMakeLists.txt": "target_link_libraries(margrave PRIVATE module_acl router)\n",
    "modules/media/media.c": '#include "control/client.h"\n',
    "rtpengine/control/proto.h": '#include "base/sv.h"\n',
    "rtpengine/control/client.h": '#include "control/proto.h"\n#include "event/loop.h"\n',
    "rtpengine/control/CMakeLists.txt": "mg_room(control_proto SOURCES proto.c USES base)\n"
                                        "mg_room(control_client SOURCES client.c USES control_proto event)\n",
    "rtpengine/kernel/kernel.h": "\n",
    "rtpengine/socket/relay.h": '#include "kernel/kernel.h"\n',
    "rtpengine/session/offer.c": '#include "socket/relay.h"\n#include "control/proto.h"\n',
    "tests/fuzz/uri_fuzz.c": '#include "sip/uri.h"\n#include "event/loop.h"\n',
    "tests/fuzz/CMakeLists.txt": "target_link_libraries(fuzz_uri PRIVATE sip event)\n",
}

# name, file, its text, words of the fault
BAD = [
    ("climbs", "core/base/bad.c", '#include "sip/uri.h"\n', "core/base may not use core/sip"),
    ("climbs two levels", "core/sip/bad.c", '#include "router/forward.h"\n', "core/sip may not use core/router"),
    ("sideways", "core/sip/bad.c", '#include "event/loop.h"\n', "core/sip may not use core/event"),
    ("a test climbs", "core/base/bad_test.c", '#include "sip/uri.h"\n', "core/base may not use core/sip"),
    ("spaces do not hide it", "core/base/bad.c", '  #  include  "sip/uri.h"\n', "core/base may not use core/sip"),
    ("angle brackets do not hide it", "core/base/bad.c", "#include <sip/uri.h>\n", "core/base may not use core/sip"),
    ("dots do not hide it", "core/base/bad.c", '#include "../sip/uri.h"\n', "core/base may not use core/sip"),
    ("after a comment, on its line", "core/base/bad.c", '/* a\n b */\n#include "sip/uri.h"\n', "core/base/bad.c:3:"),
    ("not in its row", "core/router/bad.c", '#include "chain/mg_module.h"\n', "core/router may not use core/chain"),
    ("more of conf than the schema", "core/transport/bad.c", '#include "conf/load.h"\n',
     "core/transport may not use core/conf"),
    ("schema below level 2", "core/sip/bad.c", '#include "conf/schema.h"\n', "core/sip may not use core/conf"),
    ("private", "core/transport/bad.c", '#include "sip/sip_priv.h"\n', "private to core/sip"),
    ("private to a test of many rooms", "tests/flows/bad.c", '#include "sip/sip_priv.h"\n', "private to core/sip"),
    ("a source file", "core/transport/bad.c", '#include "sip/uri.c"\n', "a source file of core/sip"),
    ("libevent", "core/transport/bad.c", "#include <event2/event.h>\n", "libevent is for core/event only"),
    ("old libevent", "core/sip/bad.h", "#include <evdns.h>\n", "libevent is for core/event only"),
    ("libconfig", "core/daemon/bad.c", "#include <libconfig.h>\n", "libconfig is for core/conf only"),
    ("openssl in base", "core/base/bad.c", "#include <openssl/evp.h>\n", "OpenSSL is not for core/base"),
    ("missing header", "core/sip/bad.c", '#include "sip/gone.h"\n', "no such header"),
    ("unknown room", "core/utils/bad.c", "\n", "no room is described"),
    ("no room at all", "core/bad.h", "\n", "no room is described"),
    ("a folder in a room", "core/sip/deep/bad.c", "\n", "no room is described"),
    ("unknown media room", "rtpengine/control/bad.c", "\n", "no room is described"),
    ("uses an unknown room", "tests/bad.c", '#include "utils/bad.h"\n', "no such header"),
    ("a module sees core", "modules/acl/bad.c", '#include "sip/uri.h"\n', "modules/acl may not use core/sip"),
    ("a module sees base", "modules/acl/bad.c", '#include "base/sv.h"\n', "modules/acl may not use core/base"),
    ("a module sees the tests' daemon", "modules/acl/bad.c", '#include "chain/test_module.h"\n',
     "modules/acl may not use core/chain"),
    ("a module's test sees more", "modules/acl/bad_test.c", '#include "chain/chain.h"\n', "modules/acl may not use core/chain"),
    ("a module links a module", "modules/nat/CMakeLists.txt", "mg_room(module_nat SOURCES a.c USES chain module_acl)\n",
     "modules/nat may not use modules/acl"),
    ("a module of another name", "modules/nat/CMakeLists.txt", "mg_room(nat SOURCES a.c USES chain)\n", "is called nat"),
    ("a room links a module", "core/router/CMakeLists.txt", "mg_room(router SOURCES a.c USES sip module_acl)\n",
     "core/router may not use modules/acl"),
    ("a module sees a module", "modules/geoip/bad.c", '#include "acl/acl.h"\n', "modules/geoip may not use modules/acl"),
    ("a module controls media", "modules/acl/bad.c", '#include "control/client.h"\n',
     "modules/acl may not use rtpengine/control/client"),
    ("media sees signalling", "rtpengine/session/bad.c", '#include "sip/uri.h"\n',
     "rtpengine/session may not use core/sip"),
    ("more of kernel than its header", "rtpengine/socket/bad.c", '#include "kernel/none.h"\n',
     "rtpengine/socket may not use rtpengine/kernel"),
    ("proto sees the loop", "rtpengine/control/proto_x.c", '#include "event/loop.h"\n',
     "rtpengine/control/proto may not use core/event"),
    ("a circle", "core/sip/uri.h", '#include "sip/sip_priv.h"\n', "includes in a circle"),
    ("itself", "core/sip/bad.h", '#include "sip/bad.h"\n', "includes in a circle"),
    ("links up", "core/base/CMakeLists.txt", "mg_room(base SOURCES sv.c USES sip)\n", "core/base may not use core/sip"),
    ("links up, on more lines", "core/sip/CMakeLists.txt", "mg_room(sip\n\tSOURCES a.c\n\tUSES base\n\t\tevent)\n",
     "core/sip may not use core/event"),
    ("a test links up", "core/sip/CMakeLists.txt", "target_link_libraries(sip_uri_test PRIVATE sip router)\n",
     "core/sip may not use core/router"),
    ("a test of another room", "core/base/CMakeLists.txt", "mg_test(sip uri)\n", "core/base may not use core/sip"),
    ("links libevent", "core/sip/CMakeLists.txt", "mg_room(sip SOURCES a.c USES base PkgConfig::LIBEVENT)\n",
     "libevent is for core/event only"),
    ("links OpenSSL in base", "core/base/CMakeLists.txt", "mg_room(base SOURCES a.c USES OpenSSL::Crypto)\n",
     "OpenSSL is not for core/base"),
    ("a wrong name", "core/sip/CMakeLists.txt", "mg_room(message SOURCES a.c USES base)\n", "is called message"),
    ("an unknown room is built", "core/utils/CMakeLists.txt", "mg_room(utils SOURCES a.c)\n", "no room is described"),
]


def check(root: Path, tree: dict[str, str]) -> subprocess.CompletedProcess:
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return subprocess.run(["/usr/bin/python3", SCRIPT, root], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)


def test_good(tmp_path):
    result = check(tmp_path, GOOD)
    assert (result.returncode, result.stdout) == (0, "")


def test_empty(tmp_path):
    assert check(tmp_path, {}).returncode == 0


@pytest.mark.parametrize("path, text, words", [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad(tmp_path, path, text, words):
    result = check(tmp_path, GOOD | {"rtpengine/kernel/none.h": "\n"} | {path: text})
    assert result.returncode == 1
    assert words in result.stdout
    assert path in result.stdout
    assert "Traceback" not in result.stdout
