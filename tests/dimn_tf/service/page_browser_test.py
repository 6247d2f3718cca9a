"""The page in a real browser, where there is one."""

import base64
import re
import shutil

import pytest

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.service import access, page_people
from tests.dimn_tf.service.running import running

TOKEN = "t" * 20
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def _image(seed, height=60, width=30):
    return images.encode_png(dummy_images.pixels(seed, height, width))


@pytest.fixture
def client(dimn_export, tmp_path):
    """Of an empty gallery, by a method that can explain its scores."""
    with running(dimn_export.model, tmp_path, requests_per_minute=0) as made:
        yield made


@pytest.fixture
def photos(tmp_path):
    """Files of noise, each another."""
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        path.write_bytes(_image(i, 90, 60))
    return paths


def _enrol(client, photos, **fields):
    for i, path in enumerate(photos):
        told = client.post(
            "/v1/entries",
            files={"image": (path.name, path.read_bytes())},
            data={"person_id": f"p{i}", **fields},
        )
        assert told.status_code == 201


def _fulfilling(answer):
    return lambda route: route.fulfill(**answer)


@pytest.fixture
def browser():
    """Chromium, by Playwright."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs playwright: pip install -e '.[browser]'"
    )
    if CHROMIUM is None:
        pytest.skip("needs Chromium on the PATH: apt-get install chromium")
    with playwright.sync_playwright() as started:
        # Chromium's own sandbox wants a user other than root.
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


def test_login_in_a_browser(browser, dimn_export, tmp_path):
    """A form's request has an Origin, which httpx does not send."""
    with running(dimn_export.model, tmp_path, access.Access({"anna": TOKEN})) as client:
        page = browser.new_page()
        page.goto(str(client.base_url))
        page.fill("[name=token]", TOKEN)
        page.click("button")
        page.locator("#held", has_text="0 pictures are enrolled").wait_for(timeout=9000)
        page.click("form[action='/logout'] button")
        page.locator("[name=token]").wait_for(timeout=9000)


def test_in_a_browser(browser, client, photos):
    address = str(client.base_url)
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    faults = []
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda r: (
            None
            if r.url.startswith((address, "data:", "blob:"))
            else faults.append(r.url)
        ),
    )
    page.goto(address)
    for i in range(3):
        page.set_input_files("#image", photos[i])
        page.fill("#enrol [name=person_id]", f"p{i}")
        page.click("#enrol button")
        page.locator("#held", has_text=f"{i + 1} picture").wait_for()
    page.locator("#people li:nth-child(3)").wait_for()

    # A box by the mouse is the box in numbers, in pixels of the photo.
    page.set_input_files("#image", photos[1])
    page.locator("#preview").scroll_into_view_if_needed()
    shown = page.locator("#preview").bounding_box()
    page.mouse.move(shown["x"], shown["y"])
    page.mouse.down()
    page.mouse.move(shown["x"] + shown["width"] / 2, shown["y"] + shown["height"] / 3)
    page.mouse.up()
    assert page.input_value("#box") == "0,0,30,30"
    assert page.locator("#frame").is_visible()
    page.click("#numbers summary")
    page.fill("#left", "7")
    assert page.input_value("#box") == "7,0,30,30"
    page.click("#whole")
    assert page.input_value("#box") == ""

    # The rest by keyboard alone.
    page.focus("#search [name=k]")
    page.keyboard.press("Enter")
    page.locator("#found li").first.wait_for()
    assert "p1" in page.locator("#found li").first.inner_text()
    assert page.locator("#found-title").evaluate("e => e === document.activeElement")
    page.locator("#found li button").first.focus()
    page.keyboard.press("Enter")
    page.locator("#found .maps img").first.wait_for()

    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("#people .danger").first.click()
    page.locator("#held", has_text="2 pictures").wait_for()
    assert client.get("/readyz").json()["entries"] == 2

    # On a phone nothing is wider than the screen.
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert not faults


def test_a_time_is_of_the_zone_of_its_own_day(browser, client, photos):
    """Berlin is an hour before UTC in winter, and two in summer."""
    days = ("2026-01-15T10:59:59Z", "2026-01-15T11:00Z", "2026-07-15T09:59:59Z")
    for i, seen in enumerate((*days, "2026-07-15T10:00Z")):
        client.post(
            "/v1/entries",
            files={"image": ("x.png", _image(20 + i))},
            data={"person_id": f"p{i}", "seen_at": seen},
        )
    page = browser.new_page(timezone_id="Europe/Berlin")
    page.goto(str(client.base_url))
    page.set_input_files("#image", photos[0])
    for since, until, expected in (
        ("2026-01-15T12:00", "2026-07-15T12:00", {"p1", "p2"}),
        ("2026-01-15T12:00", "", {"p1", "p2", "p3"}),
    ):
        page.fill("#search [name=since]", since)
        page.fill("#search [name=until]", until)
        with page.expect_response("**/page/search"):
            page.click("#search button.main")
        page.locator("#found li").nth(len(expected) - 1).wait_for()
        names = page.locator("#found h4").all_inner_texts()
        assert {name.split()[-1] for name in names} == expected
        assert "2026-01-15 11:00 UTC" in page.inner_text("#found")


def test_why_is_of_the_photo_that_was_searched_with(browser, client, photos):
    _enrol(client, photos)
    page = browser.new_page()
    page.goto(str(client.base_url))
    page.set_input_files("#image", photos[1])
    page.click("#numbers summary")
    for name, value in (("left", 5), ("top", 6), ("width", 40), ("height", 70)):
        page.fill(f"#{name}", str(value))
    page.click("#search button")
    page.locator("#found li").first.wait_for()
    assert "1.png, box 5,6,40,70" in page.inner_text("#found .searched")
    entry = page.locator("#found li [name=entry_id]").first.input_value()

    page.set_input_files("#image", photos[2])  # Which forgets the box, too.
    assert page.input_value("#box") == ""
    page.locator("#found li button").first.click()
    page.locator("#found .maps img").first.wait_for()

    def maps(path, box):
        why = client.post(
            "/page/why",
            files={"image": ("x.png", path.read_bytes())},
            data={"entry_id": entry, "box": box},
        ).text
        return re.findall(r'src="(data:[^"]+)"', why)

    shown = [
        image.get_attribute("src") for image in page.locator("#found .maps img").all()
    ]
    assert shown == maps(photos[1], "5,6,40,70")
    assert shown != maps(photos[1], "") and shown != maps(photos[2], "")

    # A search that fails leaves the hits, and what they are explained by.
    page.route("**/page/search", lambda route: route.abort())
    page.click("#search button")
    page.locator("#said .fault", has_text="No answer came.").wait_for()
    page.locator("#found li button").nth(1).click()
    page.locator("#found .maps").nth(1).wait_for()
    probe = page.locator("#found .maps").nth(1).locator("img").first
    assert len(probe.get_attribute("src")) > 99
    assert page.locator("#said").inner_text() == ""


_DROP = """([target, name, content]) => {
    const dropped = new DataTransfer();
    if (name) {
        const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
        dropped.items.add(new File([bytes], name, {type: "image/png"}));
    } else {
        dropped.setData("text/plain", content);
    }
    const area = document.querySelector(target);
    const send = (kind) => {
        const event = new DragEvent(
            kind, {dataTransfer: dropped, bubbles: true, cancelable: true});
        return !area.dispatchEvent(event);
    };
    const marked = (send("dragover"), area.classList.contains("over"));
    return [marked, send("drop"), area.classList.contains("over")];
}"""


def test_a_photo_is_dropped(browser, client, photos):
    _enrol(client, photos)
    page = browser.new_page()
    page.goto(str(client.base_url))
    content = base64.b64encode(photos[1].read_bytes()).decode()
    assert page.evaluate(_DROP, ["#drop", "", content]) == [True, True, False]
    assert page.locator("#preview").is_hidden()  # A text is no photo.
    assert page.evaluate(_DROP, ["#drop", "dropped.png", content]) == [
        True,
        True,
        False,
    ]
    page.locator("#preview").wait_for()
    # Beside the area nothing happens: the page would be left for the file.
    assert page.evaluate(_DROP, ["#people", "beside.png", content]) == [
        False,
        True,
        False,
    ]
    page.click("#search button")
    page.locator("#found li").first.wait_for()
    assert "Searched with dropped.png" in page.inner_text("#found .searched")
    assert "p1" in page.locator("#found li").first.inner_text()


def test_what_the_guard_refuses_is_told_in_a_sentence(
    browser, dimn_export, tmp_path, photos
):
    large = tmp_path / "large.png"
    large.write_bytes(_image(9, 300, 300))
    allowed = access.Access({"anna": TOKEN})
    with running(dimn_export.model, tmp_path, allowed, largest_bytes=100_000) as client:
        context = browser.new_context()
        page = context.new_page()
        page.goto(str(client.base_url))
        page.fill("[name=token]", TOKEN)
        page.click("button")
        page.locator("#people .note").wait_for()

        def told(path, button="#search button"):
            page.set_input_files("#image", path)
            page.click(button)
            page.locator("#said .fault").wait_for()
            text = page.locator("#said .fault").inner_text()
            assert not set("{}<>") & set(text) and text[-1] in ".n"
            assert page.locator("#said .fault").get_attribute("role") == "alert"
            return text

        assert "more than 100,000 bytes" in told(large)
        # What was there stays.
        assert "Nothing was searched for yet." in page.inner_text("#found")

        page.set_input_files("#image", photos[0])
        page.click("#search button")
        page.locator("#found", has_text="Nobody is enrolled").wait_for()
        assert page.inner_text("#said") == ""

        answer = {
            "status": 503, "headers": {"Retry-After": "7"},
            "content_type": "application/problem+json",
            "body": '{"detail": "9 images <b>wait</b>"}',
        }  # fmt: skip
        for changes, said in (
            ({}, "9 images <b>wait</b>. Try again in 7 s."),
            ({"body": '{"detail": "Try again after a second"}'},
             "Try again after a second."),
            ({"status": 502, "headers": {}, "content_type": "text/html",
              "body": "<html><h1>Bad"}, "The server answered 502 Bad Gateway."),
        ):  # fmt: skip
            given = {**answer, **changes}
            page.route("**/page/search", _fulfilling(given))
            page.click("#search button")
            page.locator("#said .fault", has_text=said).wait_for()
            page.unroute("**/page/search")

        context.set_offline(True)
        assert told(photos[0], "#enrol button").startswith("No answer came.")
        context.set_offline(False)

        context.clear_cookies()
        assert told(photos[0]).startswith("This service does not know you any more.")
        page.click("#said a")
        page.locator("[name=token]").wait_for()


def test_too_many_requests_are_told_on_the_page(browser, dimn_export, tmp_path):
    with running(dimn_export.model, tmp_path, requests_per_minute=8) as client:
        page = browser.new_page()
        page.goto(str(client.base_url))
        page.locator("#people .note").wait_for()
        for _ in range(8):
            page.click("[hx-get='/page/people'] button")
            page.wait_for_timeout(50)
        fault = page.locator(
            "#said .fault", has_text="More than 8 requests in a minute"
        )
        fault.wait_for()
        assert re.search(r"Try again in \d+ s\.$", fault.inner_text())


def test_focus_and_filters_stay_after_a_change(browser, client, photos, monkeypatch):
    """By keyboard alone."""
    monkeypatch.setattr(page_people, "_SHOWN", 2)
    for i in range(5):
        client.post(
            "/v1/entries",
            files={"image": ("x.png", _image(i))},
            data={"person_id": "bo" if i == 4 else "anna", "camera_id": "door"},
        )
    page = browser.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(str(client.base_url))
    cards = page.locator("#people li")
    cards.nth(1).wait_for()

    def press(key, times=1):
        for _ in range(times):
            page.keyboard.press(key)

    def place():
        """The number of the card that has the focus, and the control's text."""
        return page.evaluate(
            """() => {
              const here = document.activeElement;
              const cards = [...document.querySelectorAll("#people li")];
              return [cards.indexOf(here.closest("#people li")),
                      here.name || here.textContent || here.id];
            }"""
        )

    def settled():
        """What came is in its place and answers keys."""
        still = "body:not(:has(.htmx-request, .htmx-settling)) #people"
        page.locator(still).wait_for(state="attached")

    def listed(count, said):
        page.locator("#said", has_text=said).wait_for()
        settled()
        assert cards.count() == count

    page.fill("#search [name=camera_id]", "door")
    page.locator("#people-title").focus()
    press("Tab")
    page.keyboard.type("anna")
    press("Enter")
    page.locator("#people [data-person=anna]").wait_for()
    settled()
    press("Tab", 2)
    assert place() == [0, "person_id"]

    # More of them, and from the first of these on.
    press("Tab", 8)
    assert place() == [-1, "More"]
    press("Enter")
    cards.nth(3).wait_for()
    page.locator("#people li :focus").wait_for()
    settled()
    assert place() == [2, "person_id"]

    # A new name: the entry is no more of this person, the focus is on the next one.
    page.keyboard.press("Control+A")
    page.keyboard.type("eve")
    press("Enter")
    listed(3, "Now eve.")
    assert place() == [2, "person_id"]
    names = page.locator("#people li [name=person_id][maxlength]")
    assert {name.input_value() for name in names.all()} == {"anna"}

    # The same name: the focus stays on the same entry's button.
    press("Tab")
    name = place()[1]
    press("Enter")
    listed(3, "Now anna.")
    assert place() == [2, name]

    # The last card goes: the focus is on the one before.
    press("Tab")
    assert place() == [2, "Remove picture"]
    press("Enter")
    listed(2, "Removed for good.")
    assert place() == [1, "Remove picture"]

    # All go: the focus is on what they stood under.
    press("Tab")
    assert place() == [1, "Remove anna"]
    press("Enter")
    listed(0, "2 removed for good.")
    assert place() == [-1, "Enrolled"]
    assert page.input_value("#search [name=camera_id]") == "door"

    # Enrolling leaves the focus on its button.
    page.set_input_files("#image", photos[0])
    page.focus("#enrol button")
    press("Enter")
    page.locator("#told", has_text="Enrolled.").wait_for()
    page.locator("body:not(:has(.htmx-request)) #enrol").wait_for()
    assert place() == [-1, "Enrol"]
