"""A script as people write them for a Mac: coremltools alone, no word of the emulator. ``test_scripts.py`` runs it."""

import sys

import coremltools as ct
import numpy as np
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import types
from PIL import Image


def picture(path: str, out: str) -> None:
    model = ct.models.MLModel(path, compute_units=ct.ComputeUnit.CPU_AND_NE)
    image = Image.open(sys.argv[2]).convert("RGB")
    result = model.predict({"image": image})["stylized"]
    result.save(out)
    (again,) = model.predict([{"image": image}])
    assert np.array_equal(np.asarray(again["stylized"]), np.asarray(result))
    print("picture", result.size, result.mode)


def converted() -> None:
    @mb.program(input_specs=[mb.TensorSpec(shape=(1, 4))])
    def program(x):  # type: ignore[no-untyped-def]
        return mb.softmax(x=mb.linear(x=x, weight=np.eye(3, 4, dtype=np.float32)), axis=-1, name="probs")

    labels = ct.ClassifierConfig(["cat", "dog", "fox"])
    model = ct.convert(program, convert_to="mlprogram", classifier_config=labels, compute_units=ct.ComputeUnit.ALL)
    found = model.predict({"x": np.array([[0.0, 3.0, 1.0, 0.0]], dtype=np.float32)})
    print("label", found["classLabel"], round(found["classLabel_probs"]["dog"], 2))


def remembered() -> None:
    specs = [mb.TensorSpec((1,), dtype=types.fp16), mb.StateTensorSpec((1,), dtype=types.fp16)]

    @mb.program(input_specs=specs, opset_version=ct.target.iOS18)
    def program(x, total):  # type: ignore[no-untyped-def]
        return mb.coreml_update_state(state=total, value=mb.add(x=mb.read_state(input=total), y=x))

    model = ct.convert(program, convert_to="mlprogram", minimum_deployment_target=ct.target.iOS18)
    state = model.make_state()
    for _ in range(3):
        (total,) = model.predict({"x": np.array([2], dtype=np.float16)}, state=state).values()
    print("state", float(total[0]), float(state.read_state("total")[0]))


if __name__ == "__main__":
    picture(sys.argv[1], sys.argv[3])
    converted()
    remembered()
