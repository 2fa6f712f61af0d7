"""What a user does to a scrubber, and the bar code that tells which frame is really on the screen"""
from barcode import READ_BARCODE_JS

CODES = f"""() => {{
    const read = {READ_BARCODE_JS.strip()};
    const root = document.querySelector('.mekit-scrubber');
    return [Number(root.dataset.frame), read(root.querySelector('canvas[data-pane=frame]'))];
}}"""
# A wrong picture may be there for an instant only: each drawing is read at once, when the page says that it has drawn.
WATCH = f"""() => {{
    const read = {READ_BARCODE_JS.strip()};
    const root = document.querySelector('.mekit-scrubber');
    window.drawings = [];
    root.addEventListener('mekit:drawn', e => window.drawings.push(
        [e.detail.frame, Number(root.dataset.frame), read(root.querySelector('canvas[data-pane=frame]'))]));
}}"""


def ready(page) -> None:
    page.locator(".mekit-scrubber[data-frame]").first.wait_for(timeout=30_000)


def arrived(page, frame: int) -> None:
    "Wait until the page says it shows `frame`, and hold it to it"
    page.wait_for_function("i => document.querySelector('.mekit-scrubber').dataset.frame === String(i)", arg=frame, timeout=10_000)
    said, shown = page.evaluate(CODES)
    assert said == shown == frame


def drawings(page) -> list:
    "Every drawing since WATCH: (announced, data-frame, bar code); each wrong one fails"
    all_ = page.evaluate("() => window.drawings")
    wrong = [d for d in all_ if len(set(d)) > 1]
    assert not wrong, f"{len(wrong)} of {len(all_)} drawings wrong: {wrong[:5]}"
    return all_


def place(page, role: str, frame: int, n: int) -> tuple[float, float]:
    "Where on the track or the curve a frame is: left, right or in the middle of its part"
    box = page.locator(f"[data-role={role}]").first.bounding_box()
    return box["x"] + (frame + 0.5 + 0.3 * (frame % 3 - 1)) / n * box["width"], box["y"] + box["height"] / 2


def by_keys(page, now: int, target: int) -> None:
    "Shift+arrows in tens, arrows for the rest"
    tens, ones = divmod(abs(target - now), 10)
    arrow = "ArrowRight" if target > now else "ArrowLeft"
    for _ in range(tens):
        page.keyboard.press(f"Shift+{arrow}")
    for _ in range(ones):
        page.keyboard.press(arrow)


def by_drag(page, now: int, target: int, n: int) -> None:
    page.mouse.move(*place(page, "track", now, n))
    page.mouse.down()
    page.mouse.move(*place(page, "track", target, n), steps=4)
    page.mouse.up()


def by_curve(page, now: int, target: int, n: int) -> None:
    page.mouse.click(*place(page, "curve", target, n))


def by_wheel(page, now: int, target: int, n: int) -> None:
    "A notch a frame, over the track"
    page.mouse.move(*place(page, "track", now, n))
    for _ in range(abs(target - now)):
        page.mouse.wheel(0, 120 if target > now else -120)
