"""Tokens, hosts and origins: who is let in, and what a token file may hold."""

import pytest
import starlette.responses

from dimn_tf import errors
from dimn_tf.service import access, problems

TOKEN = "x" * 20
GUARDED = access.Access({"anna": TOKEN, "bo": "y" * 20})


def _caller(allowed, open_path=False, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return str(allowed.caller({"host": "h:1", **named}, "10.0.0.7", open_path))


def _status(allowed, open_path=False, **headers):
    with pytest.raises(problems.Problem) as told:
        _caller(allowed, open_path, **headers)
    return told.value.status


def test_the_right_token_names_its_holder():
    assert _caller(GUARDED, authorization=f"Bearer {TOKEN}") == "token:anna"
    assert _caller(GUARDED, authorization=f"bearer  {'y' * 20} ") == "token:bo"
    assert _caller(GUARDED, cookie=f"a=b; {access.COOKIE}={TOKEN}") == "token:anna"


@pytest.mark.parametrize(
    "other", ['prefs={"a":1}', "a b=1", "x=\xe9", "a", "=", "", 'q="a;b"']
)
def test_another_apps_cookie_logs_nobody_out(other):
    ours = f"{access.COOKIE}={TOKEN}"
    for cookie in (f"{other}; {ours}", f"{ours}; {other}", f"{other};{ours}"):
        assert _caller(GUARDED, cookie=cookie) == "token:anna"


def test_a_token_comes_back_from_the_cookie_that_the_page_sets():
    for token in ('a"b\\c d;e,f=gh ijkl', "/+=" * 8):
        answer = starlette.responses.Response()
        answer.set_cookie(access.COOKIE, token)
        cookie = answer.headers["set-cookie"].partition("; Path")[0]
        assert _caller(access.Access({"bo": token}), cookie=cookie) == "token:bo"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer \xff\xfe"},
        {"cookie": f"{access.COOKIE}=no"},
        {"cookie": "\x00;;=;"},
        {"cookie": f"other={TOKEN}"},
    ],
)
def test_without_the_right_token_nobody_is_let_in(headers):
    assert _status(GUARDED, **headers) == 401
    assert _caller(GUARDED, open_path=True, **headers) == "address:10.0.0.7"


def test_pages_of_other_sites_may_not_call():
    for allowed in (GUARDED, access.Access(hosts=("h",))):
        token = {"authorization": f"Bearer {TOKEN}"}
        for headers in (
            {"origin": "http://evil.example"},
            {"origin": "null"},
            {"origin": "http://h:2"},
            {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"},
            {"sec_fetch_site": "same-site", "sec_fetch_mode": "cors"},
        ):
            assert _status(allowed, **token, **headers) == 403
            assert _status(allowed, open_path=True, **token, **headers) == 403
        for headers in (
            {"origin": "http://h:1"},
            {"origin": "https://h:1", "sec_fetch_site": "same-origin"},
            {"sec_fetch_site": "none", "sec_fetch_mode": "navigate"},
            {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"},  # A link.
        ):
            assert _caller(allowed, **token, **headers) in (
                "token:anna",
                "address:10.0.0.7",
            )


def test_without_tokens_this_machine_is_called_by_its_names_alone():
    open_to_all = access.Access(hosts=("gallery.home",))
    for host in ("localhost", "localhost:80", "127.0.0.1:9", "[::1]:9", "gallery.home"):
        caller = open_to_all.caller({"host": host}, "127.0.0.1", False)
        assert str(caller) == "address:127.0.0.1"
    for host in ("", "evil.example", "evil.example:80", "localhost.evil:1", "[::2]:1"):
        with pytest.raises(problems.Problem) as told:
            open_to_all.caller({"host": host}, "127.0.0.1", True)
        assert told.value.status == 403


def test_names_of_hosts_are_the_same_in_any_case():
    allowed = access.Access(hosts=("Gallery.Home",))
    for host in ("LOCALHOST:80", "gallery.home", "GALLERY.home:9"):
        origin = f"http://{host.lower()}"
        caller = allowed.caller({"host": host, "origin": origin}, "::1", False)
        assert str(caller) == "address:::1"


def test_a_host_in_an_address():
    assert access.in_address("127.0.0.2") == "127.0.0.2"
    assert access.in_address("::1") == "[::1]"


def test_which_addresses_are_this_machines_own():
    for host in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"):
        assert access.is_loopback(host)
    for host in ("0.0.0.0", "::", "192.168.0.1", "example.org", ""):
        assert not access.is_loopback(host)


def test_a_token_file_names_callers(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"# who\n\nanna {TOKEN}\n bo@x.org   {'y' * 16}  \n")
    assert access.read_tokens(path) == {"anna": TOKEN, "bo@x.org": "y" * 16}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no line `name token`. Make a token"),
        ("anna", "line 1 is no `name token`"),
        (f"a/b {TOKEN}", "line 1 is no `name token`"),
        (f"a {TOKEN}\n\na {'y' * 20}", "line 3 is no `name token` with a name of its"),
        (f"a {TOKEN}\nb {TOKEN}", "line 2 gives b the token of a, so that nobody"),
        ("a short", "line 1: a token of 5 characters; expected at least 16"),
        ("a " + "\u00e9" * 20, "line 1: a token of 20 characters; .* plain"),
    ],
)
def test_a_token_file_of_another_form_is_named(tmp_path, text, said):
    path = tmp_path / "tokens"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(errors.UserError, match=said):
        access.read_tokens(path)
    with pytest.raises(errors.UserError, match="nowhere: cannot be read"):
        access.read_tokens(tmp_path / "nowhere")


def test_a_token_that_is_named_like_an_address_is_another_caller():
    allowed = access.Access({"10.0.0.7": TOKEN})
    by_token = allowed.caller({"authorization": f"Bearer {TOKEN}"}, "10.0.0.7", True)
    by_address = allowed.caller({}, "10.0.0.7", True)
    assert by_token.by_token and not by_address.by_token
    assert by_token != by_address and str(by_token) != str(by_address)
    # Nor can a name look like the other kind's text, which holds a colon.
    assert not access._NAME.fullmatch(str(by_address))


def test_proxies_are_addresses_whose_callers_need_tokens():
    given = ["127.0.0.1", "10.0.0.0/8", "::1"]
    assert access.checked_proxies(given, {"anna": TOKEN}) == tuple(given)
    assert access.checked_proxies([], {}) == ()
    for wrong in ("*", "localhost", "10.0.0.1/8", ""):
        with pytest.raises(errors.UserError, match="Expected the address, or the netw"):
            access.checked_proxies([wrong], {"anna": TOKEN})
    with pytest.raises(errors.UserError, match="so callers need a token"):
        access.checked_proxies(["127.0.0.1"], {})


def test_addresses_within_networks():
    some = access.Addresses(["127.0.0.1", "10.0.0.0/8", "::1"])
    for inside in ("127.0.0.1", "10.9.8.7", "::1", "0:0:0:0:0:0:0:1"):
        assert inside in some
    for inside in ("::ffff:127.0.0.1", "::ffff:10.9.8.7", "::ffff:7f00:1"):
        assert inside in some
    assert "::ffff:10.9.8.7" in access.Addresses(["::ffff:10.0.0.0/104"])
    assert "10.9.8.7" not in access.Addresses(["::/0"])
    for outside in (
        "::ffff:127.0.0.2",
        "127.0.0.2",
        "11.0.0.1",
        "::2",
        "",
        "unknown",
        "10.0.0.1, x",
    ):
        assert outside not in some
