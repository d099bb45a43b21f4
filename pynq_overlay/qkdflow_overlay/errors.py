"""What can go wrong on a board, as exceptions."""

LONGEST = 2000  # characters of a message


class OneLine(Exception):
    """An error whose message is one printable line, whatever of a file it quotes: no escape reaches the terminal."""

    def __init__(self, message: str = "") -> None:
        text = " ".join(message.split())
        if not text.isprintable():
            text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
        if len(text) > LONGEST:  # what is required stands first, the cure last
            text = text[: LONGEST * 3 // 4] + " ... " + text[-LONGEST // 5 :]
        super().__init__(text)


class ManifestError(OneLine, ValueError):
    """The manifest, the design's metadata, or an array given to the driver, is not what it must be."""


class DeviceError(OneLine, RuntimeError):
    """The hardware reports a fault; the message says which channel and what its status bits mean."""


class DeviceTimeout(DeviceError):
    """Nothing moved before the deadline; the message says how far the transfer came and the usual cause."""


class SelfTestError(DeviceError):
    """The board answers, and wrongly; the message names the first sample and class that differ."""


def need(ok: bool, message: str) -> None:
    if not ok:
        raise ManifestError("[manifest] " + message)
