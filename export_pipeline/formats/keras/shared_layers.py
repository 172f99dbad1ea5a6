"""Layers that Keras 3 and Keras 2 both have and compute alike, and the configuration of the one as that of the other.

What is not listed here is not translated: it is refused by name. Each row is proved by a test that runs both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from export_pipeline.errors import ModelError

# Functions that both compute alike. The hard ones are piecewise with other slopes in Keras 2.
ACTIVATIONS = frozenset(
    {
        *("elu", "exponential", "gelu", "linear", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "softmax"),
        *("softplus", "softsign", "swish", "tanh"),
    }
)
_ANY = object()
# Keys that Keras 2 does not have, and the values with which they change nothing.
_IDLE: Mapping[str, tuple[Any, ...]] = {
    "optional": (False,),
    "quantization_config": (None,),
    "ragged": (False,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "renorm_momentum": (_ANY,),
    "seed": (_ANY,),
    "sparse": (False,),
    "synchronized": (False,),
    "zero_output_for_mask": (_ANY,),
}
# Decide nothing once a network is trained, and name classes that the two spell differently.
_OF_TRAINING = ("_initializer", "_regularizer", "_constraint")


@dataclass(frozen=True)
class Shared:
    """One layer: keys with another name in Keras 2, and further keys that may be left out there at these values.

    ``inner`` are the parts of the layer, by their names in an archive, that hold its variables; none: it holds them.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    idle: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    inner: tuple[str, ...] = ()


_PLAIN = Shared()
_LAST = Shared(idle={"data_format": ("channels_last",)})
_RECURRENT = Shared(inner=("cell",))

LAYERS: Mapping[str, Shared] = {
    **dict.fromkeys(
        (
            *("Activation", "Dense", "Embedding", "Flatten", "Permute", "RepeatVector", "Reshape"),
            *("Conv1D", "Conv2D", "Conv1DTranspose", "Conv2DTranspose"),
            *("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
            *("ActivityRegularization", "Dropout", "GaussianDropout", "GaussianNoise"),
            *("SpatialDropout1D", "SpatialDropout2D"),
            *("BatchNormalization", "GroupNormalization", "UnitNormalization"),
            *("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"),
            *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
            *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"),
            *("UpSampling1D", "UpSampling2D", "ZeroPadding2D", "Cropping1D", "Cropping2D"),
            *("ELU", "PReLU", "ReLU", "Rescaling", "Softmax", "TimeDistributed", "Bidirectional"),
        ),
        _PLAIN,
    ),
    "LayerNormalization": Shared(idle={"rms_scaling": (False,)}),
    "LeakyReLU": Shared(renamed={"negative_slope": "alpha"}),
    "ZeroPadding1D": _LAST,
    "Resizing": Shared(
        idle={
            "antialias": (False,),
            "data_format": ("channels_last",),
            "pad_to_aspect_ratio": (False,),
            "fill_mode": (_ANY,),
            "fill_value": (_ANY,),
        }
    ),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), _RECURRENT),
}


# Layers that are called as if in training, and compute the same as ever.
ALIKE_IN_TRAINING = ("Resizing",)


def translated(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of the layer class *name* in Keras 2, from that in Keras 3.

    Raises:
        ModelError: a key has a value that Keras 2 does not know or computes otherwise. It says which; whoever reads the
            file says of what.
    """
    shared = LAYERS[name]
    made: dict[str, Any] = {}
    for key, value in config.items():
        if key in ("activation", "recurrent_activation"):
            made[key] = _activation(value)
        elif key == "dtype":
            made[key] = _dtype(value)
        elif key.endswith(_OF_TRAINING):
            continue
        elif key in {**_IDLE, **shared.idle}:
            allowed = {**_IDLE, **shared.idle}[key]
            if _ANY not in allowed and value not in allowed:
                raise ModelError(f"{key} {value!r}")
        elif key in ("layer", "backward_layer"):
            made[key] = None if value is None else _inner(value)
        else:
            made[shared.renamed.get(key, key)] = value
    return made


def _inner(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The layer inside of another."""
    name = str(entry.get("class_name"))
    if name not in LAYERS or entry.get("module") != "keras.layers":
        raise ModelError(f"a layer {name} inside")
    return {"class_name": name, "config": translated(name, entry["config"])}


def _activation(value: Any) -> str:
    if isinstance(value, str) and value in ACTIVATIONS:
        return value
    name = value.get("config", value.get("class_name")) if isinstance(value, Mapping) else value
    raise ModelError(f"activation {name!r}")


def _dtype(value: Any) -> str:
    """The type of a layer's variables and arithmetic, which must be one and the same."""
    name = value.get("config", {}).get("name") if isinstance(value, Mapping) else value
    if name not in ("float32", "int32", "int64", "bool"):
        raise ModelError(f"arithmetic in {name}")
    return str(name)
