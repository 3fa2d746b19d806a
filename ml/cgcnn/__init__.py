"""Crystal graph network with an absorber-aware readout."""

from ml.cgcnn.graphs import STEP, Graph, GraphBatch, build_graph, collate
from ml.cgcnn.model import CgcnnNetwork, GatedConv

__all__ = ["STEP", "CgcnnNetwork", "GatedConv", "Graph", "GraphBatch", "build_graph", "collate"]
