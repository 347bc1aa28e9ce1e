"""Color steps: the oracle is torchvision's tensor kernel on each image with its own parameter."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as F

from jointaug import functional as K
from jointaug.functional import _color as color
from jointaug.functional import _op

examples = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the path is the same for all examples
)
SIDES = st.one_of(st.integers(1, 4), st.integers(1, 40), st.sampled_from([600]))
FACTORS = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 3))
HUES = st.one_of(st.sampled_from([0.0, 0.5, -0.5, 1 / 6]), st.floats(-0.5, 0.5))
STEPS = {
    "adjust_brightness": FACTORS,
    "adjust_contrast": FACTORS,
    "adjust_saturation": FACTORS,
    "adjust_hue": HUES,
    "solarize": st.floats(0, 1),
    "posterize": st.integers(0, 8),
    "invert": None,
    "rgb_to_grayscale": None,
}


@st.composite
def images(draw, dtypes=(torch.uint8, torch.float32, torch.float64, torch.bfloat16)):
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    shape = draw(st.integers(1, 4)), draw(st.sampled_from([1, 3, 3, 3])), draw(SIDES), draw(SIDES) % 41 + 1
    levels = draw(st.sampled_from([2, 3, 256]))  # few levels: ties between channels, black, white, gray pixels
    x = (torch.randint(0, levels, shape, generator=generator) * (255 // (levels - 1))).to(torch.uint8)
    return F.to_dtype(x, draw(st.sampled_from(dtypes)), scale=True)


def tolerance(dtype):
    """One level; 1e-5; for bfloat16, which torchvision computes in, the steps of its last places."""
    return {torch.uint8: 1, torch.bfloat16: 0.02}.get(dtype, 1e-5)


@examples
@given(data=st.data())
@pytest.mark.parametrize("name", STEPS)
def test_is_torchvisions(path, name, data):
    x = data.draw(images())
    parameters = []
    if STEPS[name] is not None:
        values = [data.draw(STEPS[name]) for _ in x]
        if name == "solarize" and x.dtype is torch.uint8:
            values = [round(255 * v) for v in values]
        parameters = [torch.tensor(values)]
    if name in ("adjust_hue", "posterize", "solarize") and x.dtype is torch.bfloat16:
        x = x.float()  # their jumps are not comparable between precisions
    result = getattr(K, name)(x, *parameters)
    keep = {"num_output_channels": 3} if name == "rgb_to_grayscale" else {}
    oracle = torch.stack(
        [getattr(F, name)(image, *(p[i].item() for p in parameters), **keep) for i, image in enumerate(x)]
    )
    assert result.dtype == x.dtype
    assert result.shape == oracle.shape
    assert (result.double() - oracle.double()).abs().max() <= tolerance(x.dtype)


@examples
@given(x=images(), data=st.data())
def test_where_and_batches(path, x, data):
    """The others come back bit by bit, and a batch is its images one by one."""
    mask = torch.tensor([data.draw(st.booleans()) for _ in x])
    for name, values in STEPS.items():
        parameters = [] if values is None else [torch.tensor([data.draw(values) for _ in x])]
        kernel = getattr(K, name)
        keep = () if name != "rgb_to_grayscale" else (x.shape[1],)
        result, everywhere = kernel(x, *parameters, *keep, where=mask), kernel(x, *parameters, *keep)
        assert torch.equal(result[~mask], x[~mask]), name
        assert torch.equal(result[mask], everywhere[mask]), name
        for i, image in enumerate(x):
            alone = kernel(image, *(p[i].item() for p in parameters), *keep)
            # torch sums the mean of contrast in another order for another shape
            torch.testing.assert_close(alone, everywhere[i], rtol=0, atol=tolerance(x.dtype) if path == "torch" else 0)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float16, torch.float64])
def test_neutral_parameters_change_no_bit(path, dtype):
    x = F.to_dtype(torch.randint(0, 256, (4, 3, 17, 9), dtype=torch.uint8), dtype, scale=True)
    order = torch.tensor([[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]])
    for result in (
        K.adjust_brightness(x, 1),
        K.adjust_contrast(x, 1.0),
        K.adjust_saturation(x, torch.ones(4)),
        K.adjust_hue(x, 0),
        K.color_jitter(x, 1, 1, 1, 0, order),
        K.posterize(x, 8) if dtype is torch.uint8 else x,
    ):
        assert torch.equal(result, x)


def chain(image, factors, order):
    adjust = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
    for step in order:
        image = adjust[step](image, factors[step])
    return image


@examples
@given(x=images(dtypes=(torch.uint8, torch.float32, torch.float64)), data=st.data())
def test_jitter_is_the_chain_in_each_images_order(path, x, data):
    rows = [(data.draw(FACTORS), data.draw(FACTORS), data.draw(FACTORS), data.draw(HUES)) for _ in x]
    orders = [data.draw(st.permutations(range(4))) for _ in x]
    result = K.color_jitter(x, *torch.tensor(rows).unbind(-1), torch.tensor(orders))
    units = F.to_dtype(x, torch.float32, scale=True) if x.dtype is torch.uint8 else x
    oracle = torch.stack([chain(u, row, order) for u, row, order in zip(units, rows, orders, strict=True)])
    scale = 255 if x.dtype is torch.uint8 else 1
    # Hue jumps where channels change places: an amplified rounding of a step before it may cross there.
    assert (result.double() - scale * oracle.double()).abs().max() <= (0.5 + 3e-3 if scale == 255 else 1e-5)


@examples
@given(x=images(dtypes=(torch.float32,)), data=st.data())
def test_fixed_shapes_give_the_same(x, data):
    """The jitter of accelerators, whose shapes depend on no value, on the CPU."""
    rows = torch.tensor([(data.draw(FACTORS), data.draw(FACTORS), data.draw(FACTORS), data.draw(HUES)) for _ in x])
    orders = torch.tensor([data.draw(st.permutations(range(4))) for _ in x])
    result = x
    for position in orders.unbind(-1):
        result = color._any_adjustment(result, rows, position, _op.UNIT)
    oracle = torch.stack(
        [chain(i, row.tolist(), order.tolist()) for i, row, order in zip(x, rows, orders, strict=True)]
    )
    assert (result - oracle).abs().max() <= 1e-5


def test_one_order_for_all(path):
    x = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    expected = K.color_jitter(x, 0.5, 1.5, 0.3, 0.2, torch.tensor([[3, 1, 0, 2], [3, 1, 0, 2]]))
    assert torch.equal(K.color_jitter(x, 0.5, 1.5, 0.3, 0.2, (3, 1, 0, 2)), expected)
    assert torch.equal(K.color_jitter(x, 0.5, 1.5, 0.3, 0.2, torch.tensor([3, 1, 0, 2])), expected)


@examples
@given(x=images(dtypes=(torch.float32, torch.float64, torch.float16)))
def test_normalize_is_torchvisions(path, x):
    mean, std = [0.485, 0.456, 0.406][: x.shape[1]], [0.229, 0.224, 0.225][: x.shape[1]]
    result = K.normalize(x, mean, std)
    oracle = F.normalize(x.double(), mean, std)
    assert result.dtype == x.dtype
    assert (result.double() - oracle).abs().max() < (5e-3 if x.dtype is torch.float16 else 1e-5)


def test_nan_stays_in_its_image(path):
    x = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    x[1, 2, 0, 0] = torch.nan
    for name in STEPS:
        parameters = [] if STEPS[name] is None else [3 if name == "posterize" else 0.4]
        result = getattr(K, name)(x, *parameters)
        assert result[1].isnan().any(), name
        assert result[[0, 2]].isfinite().all(), name


def test_gray_of_one_or_three_channels(path):
    x = torch.randint(0, 256, (2, 3, 5, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    for channels in (1, 3):
        assert torch.equal(K.rgb_to_grayscale(x, channels), F.rgb_to_grayscale(x, channels))
        assert torch.equal(K.rgb_to_grayscale(x[:, :1], channels), F.rgb_to_grayscale(x[:, :1], channels))
