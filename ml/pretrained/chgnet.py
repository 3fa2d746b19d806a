"""Every layer of CHGNet, for :mod:`ml.pretrained`.

CHGNet (Deng et al., Nat. Mach. Intell. 5 (2023) 1031) was trained on the energies, forces and
magnetic moments of 1.6 million structures. The weights ship inside the optional package ``chgnet``.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ml.crystals import Crystal
from ml.errors import LearningError
from ml.pretrained.batches import batches

_WEIGHTS = Path("pretrained") / "0.3.0" / "chgnet_0.3.0_e29f68s314m37.pth.tar"


def is_available() -> bool:
    """Whether the optional package is installed."""
    return importlib.util.find_spec("chgnet") is not None


def embed(crystals: Sequence[Crystal]) -> Iterator[NDArray[np.float32]]:
    """(n_atoms, 4 · 64) of each crystal: the states of its atoms after every convolution.

    Raises
    ------
    LearningError
        If ``chgnet`` is not installed.
    """
    model = _model()
    for batch in batches(crystals):
        yield from _run(model, [_graph(model, one) for one in batch])


@lru_cache(maxsize=1)
def _model() -> Any:
    if not is_available():
        raise LearningError("pretrained", "chgnet", "is not installed: pip install chgnet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package's own imports
        import chgnet
        from chgnet.model.model import CHGNet
    path = Path(chgnet.__file__).parent / _WEIGHTS
    # Numbers only: the package's own loader would run whatever the file says.
    state = torch.load(path, map_location="cpu", weights_only=True)["model"]
    with redirect_stdout(StringIO()):  # it greets
        model = CHGNet(**state["model_args"], mlp_out_bias=False, version="0.3.0")
    model.load_state_dict(state["state_dict"])
    model.graph_converter.on_isolated_atoms = "ignore"
    return model.eval()


def _graph(model: Any, crystal: Crystal) -> Any:
    from pymatgen.core import Lattice, Structure

    return model.graph_converter(
        Structure(Lattice(crystal.lattice), crystal.numbers.tolist(), crystal.frac)
    )


@torch.no_grad()
def _run(model: Any, graphs: list[Any]) -> Iterator[NDArray[np.float32]]:
    from chgnet.model.model import BatchedGraph

    states: list[torch.Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda module, inputs, output: states.append(output))
        for layer in model.atom_conv_layers
    ]
    try:
        model._compute(
            BatchedGraph.from_graphs(
                graphs,
                bond_basis_expansion=model.bond_basis_expansion,
                angle_basis_expansion=model.angle_basis_expansion,
            )
        )
    finally:
        for hook in hooks:
            hook.remove()
    rows = torch.cat(states, dim=1).numpy()
    ends = np.cumsum([len(graph.atomic_number) for graph in graphs])
    yield from np.split(rows, ends[:-1])
