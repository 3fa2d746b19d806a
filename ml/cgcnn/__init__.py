"""Crystal graph network with an absorber-aware readout."""

from ml.cgcnn.graphs import NO_GRAPH, STEP, Graph, GraphBatch, build_graph, collate
from ml.cgcnn.model import CgcnnNetwork, CgcnnSize, GatedConv, gaussians
from ml.cgcnn.store import stored_graphs

__all__ = [
    "NO_GRAPH",
    "STEP",
    "CgcnnNetwork",
    "CgcnnSize",
    "GatedConv",
    "Graph",
    "GraphBatch",
    "build_graph",
    "collate",
    "gaussians",
    "stored_graphs",
]
