"""BLAS on one thread."""

from __future__ import annotations

from threadpoolctl import threadpool_info

from compute.threads import single_blas


def blas_threads() -> list[int]:
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


def test_blas_has_one_thread_inside_and_as_many_as_before_outside():
    before = blas_threads()
    with single_blas():
        assert set(blas_threads()) == {1}
    assert blas_threads() == before
