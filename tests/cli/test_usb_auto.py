"""`usb attach`: what filters give to the guest, as far as it needs no real device."""

from __future__ import annotations

import pytest

from spicetui.cli.exits import USAGE

from .conftest import Run


@pytest.mark.parametrize("option", ["--auto-connect=1,2", "--redirect-on-connect=0x03,-1,-1,-1,x"])
def test_a_filter_that_is_none_is_wrong_usage(run: Run, option: str) -> None:
    result = run("usb", "attach", "127.0.0.1:1", option)
    assert result.status == USAGE
    assert "USB filter" in result.error


def test_filters_need_no_device(run: Run) -> None:
    result = run("usb", "attach", "127.0.0.1:1", "--auto-connect", "--redirect-on-connect=-1,-1,-1,-1,1")
    assert "cannot connect" in result.error
