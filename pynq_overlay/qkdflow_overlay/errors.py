"""What can go wrong on a board, as exceptions."""


class ManifestError(ValueError):
    """The manifest, the design's metadata, or an array given to the driver, is not what it must be."""


class DeviceError(RuntimeError):
    """The hardware reports a fault; the message says which channel and what its status bits mean."""


class DeviceTimeout(DeviceError):
    """Nothing moved before the deadline; the message says how far the transfer came and the usual cause."""


class SelfTestError(DeviceError):
    """The board answers, and wrongly; the message names the first sample and class that differ."""


def need(ok: bool, message: str) -> None:
    if not ok:
        raise ManifestError("[manifest] " + message)
