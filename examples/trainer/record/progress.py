"""Progress bars, for all rooms: who lacks them lacks the extra, and is told so."""

try:
    from tqdm.auto import tqdm
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "the trainer needs tqdm, which is not installed; pip install 'jointaug[examples]', or pip install -e "
        "'.[examples]' in the checkout",
        name="tqdm",
    ) from error

__all__ = ["tqdm"]
