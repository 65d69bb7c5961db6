"""When a frame is drawn, at which quality, and its way to the terminal: the only file that hands it graphics bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ..term.pacing import Pacing
from ..term.plane import Frame, Plane, Update

if TYPE_CHECKING:
    from .driver import SpiceDriver
    from .viewport import VMView

COVERED_FPS = 1  # while another screen lies over the picture, the compositor draws it: 100 times the work
REST_SECONDS = 0.25  # after this long without a frame, what was sent coarse is sent well
REFINED_CELLS = 500  # of it at first, until it is known how much gets through
FAST = 4e6  # bytes a second; below, the picture waits for its turn
HOLD_SECONDS = 0.5  # how long a server may be paused for one frame
_SYNC_START, _SYNC_END = b"\x1b[?2026h", b"\x1b[?2026l"


class Presenter:
    """Frames are made only when the terminal can take one: what is left out is part of the next."""

    def __init__(self, view: VMView, interval: float) -> None:
        self.view = view
        self.interval = interval
        self.pacing = Pacing()
        self.frames_shown = 0
        self.painted = False  #: the compositor has painted cells of the view
        self.encodes = False  #: an update is on its way through the worker thread
        self._timer: asyncio.TimerHandle | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._next = 0.0
        self._shown: deque[float] = deque(maxlen=240)
        self._again = False  # something happened while an update was being encoded
        self._under_way: deque[tuple[Plane, Update]] = deque()
        self._executor: ThreadPoolExecutor | None = None
        self._covered = False  # another screen lies over the view's
        self._refines = False  # the next frame, or the one under way, is in full quality
        self._refined_cells = REFINED_CELLS

    @property
    def fps(self) -> float:
        """Frames of the last second."""
        now = asyncio.get_running_loop().time()
        while self._shown and now - self._shown[0] > 1:
            self._shown.popleft()
        return float(len(self._shown))

    def schedule(self) -> None:
        """A frame as soon as the rate allows."""
        if self.encodes:
            self._again = True
        elif self._timer is None and self.view.is_attached:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(self._next, loop.time()), self._present)

    def room(self) -> None:
        """The terminal has caught up."""
        self._cancel_timer()
        self.schedule()

    def acknowledged(self, seconds: float) -> None:
        """The terminal has read the oldest frame under way, *seconds* after it was handed over."""
        step = self.pacing.step
        self.pacing.acknowledged(asyncio.get_running_loop().time())
        client = self.view.app.client
        if client is not None:
            client.release_displays()
        if self._under_way:
            plane, update = self._under_way.popleft()
            if plane is self.view.plane:
                plane.acknowledged(update)
        if self._refines:
            self._refines = False
            more = self.pacing.goal / max(seconds, 0.005)
            self._refined_cells = max(50, min(int(self._refined_cells * more), 1 << 20))
            self._plan_refining(0.0)
        elif not self._under_way:
            self._plan_refining(0.0 if self.pacing.climbing and self.pacing.step < step else REST_SECONDS)

    def change(self, old: Plane) -> None:
        """The view has another plane now."""
        driver = self.view.app.terminal_driver if self.view.is_attached else None
        if driver is not None:
            driver.writer.control(old.leave() + self.view.plane.enter())
        plane = self.view.plane
        careful = self.view.is_attached and self.view.app.careful_with(plane)
        self.pacing = Pacing(plane.quality_steps, start=plane.quality_steps - 1 if careful else 0)

    def restart(self) -> None:
        """What was under way is lost."""
        self._under_way.clear()
        self.pacing.forget()
        self.view.layouts += 1

    def stop(self) -> None:
        self._cancel_timer()
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _present(self) -> None:
        self._timer = None
        view = self.view
        if not view.is_attached or not view.app.is_running:
            return
        loop = asyncio.get_running_loop()
        driver = view.app.terminal_driver
        if driver is not None:
            wait = driver.undecided()
            if wait > 0:  # which backend it will be
                self._timer = loop.call_later(wait, self._present)
                return
            if not driver.writer.ready():
                patience = driver.writer.patience()
                if patience is not None:
                    self._timer = loop.call_later(patience, self._present)
                return  # or the writer tells when there is room
        covered = view.app.screen is not view.screen
        if driver is None or covered:
            self._next = loop.time() + (1 / COVERED_FPS if driver is not None else self.interval)
            view.draw()
            if driver is not None and not self._covered:
                self._uncover(driver)
            self._covered = covered
            self._note_frame(loop.time())
            view.refresh()
            return
        self._covered = False
        self._next = loop.time() + self.interval
        plane = view.plane
        view.draw()
        plane.quality = 0 if self._refines else min(self.pacing.step, plane.quality_steps - 1)
        update = plane.update(view.origin)
        if update is None:
            self._refines = False
            if plane.failure:
                view.app.backend_failed(plane.failure)
            return
        if not update.heavy:
            self._send(driver, plane, update, update.encode())
            return
        self.encodes = True
        self._again = False
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, "encode")
        encoding = loop.run_in_executor(self._executor, update.encode)
        layouts = view.layouts
        encoding.add_done_callback(lambda done: self._encoded(driver, plane, update, layouts, done))

    def repair(self) -> None:
        """The compositor's update is about to end: what it has erased of the picture comes back within it."""
        painted, self.painted = self.painted, False
        view, plane, driver = self.view, self.view.plane, self.view.app.terminal_driver
        slow = self.pacing.step > 0 or 0 < self.pacing.rate < FAST
        if not painted or not plane.erased_by_text or driver is None or self.encodes or slow:
            return
        if driver.undecided() or view.app.screen is not view.screen:
            return
        plane.quality = 0
        update = plane.update(view.origin)
        if update is not None:
            frame = update.encode()
            driver.writer.control(frame.upload + frame.show)
            plane.acknowledged(update)  # nobody tells when, but it will be read
            self._plan_refining(REST_SECONDS)

    def _uncover(self, driver: SpiceDriver) -> None:
        """Another screen has come: what lies over its cells goes."""
        plane = self.view.plane
        plane.disown()
        for _ in range(2):  # after the first, no cell of ours is not only for the moment of a new layout
            update = plane.update(self.view.origin)
            if update is not None:
                self._send(driver, plane, update, update.encode())

    def _encoded(
        self, driver: SpiceDriver, plane: Plane, update: Update, layouts: int, done: asyncio.Future[Frame]
    ) -> None:
        self.encodes = False
        view = self.view
        if done.cancelled() or not view.is_attached or plane is not view.plane:
            return
        frame = done.result()
        if layouts != view.layouts or view.app.screen is not view.screen or driver is not view.app.terminal_driver:
            plane.dropped(update)  # it may not lie free any more
            self._refines = False
            self._again = True
        elif self.pacing.too_large(len(frame.upload) + len(frame.show)) and not self._refines:
            plane.dropped(update)
            self.pacing.go_down()
            self._next = 0.0
            self._again = True
        else:
            self._send(driver, plane, update, frame)
        if self._again:
            self.schedule()

    def _send(self, driver: SpiceDriver, plane: Plane, update: Update, frame: Frame) -> None:
        x, y = self.view.app.cursor_position
        show = frame.show + b"\x1b[%d;%dH" % (y + 1, x + 1)
        if driver.caps.synchronized:
            show = _SYNC_START + show + _SYNC_END
        now = asyncio.get_running_loop().time()
        data = frame.upload + show
        if driver.writer.acknowledges:
            self._under_way.append((plane, update))
            self.pacing.sent(len(data), now, judged=not self._refines)
        else:
            self._under_way.clear()
            self.pacing.forget()
            self._refines = False
            self._plan_refining(REST_SECONDS)
        driver.writer.frame(data)
        client = self.view.app.client
        if client is not None and self.pacing.strained and driver.writer.acknowledges:
            client.hold_displays(HOLD_SECONDS, round(1000 * self.pacing.seconds))
        self._note_frame(now)

    def _plan_refining(self, delay: float) -> None:
        if self._rest is not None:
            self._rest.cancel()
        self._rest = asyncio.get_running_loop().call_later(delay, self._refine)

    def _refine(self) -> None:
        """Nothing is under way: some of what was sent coarse is sent well."""
        self._rest = None
        if not self.view.is_attached or self._under_way or self.encodes:
            return
        if self.view.plane.refine(self._refined_cells):
            self._refines = True
            self.schedule()

    def _note_frame(self, now: float) -> None:
        self._shown.append(now)
        self.frames_shown += 1
