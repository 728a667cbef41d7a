import os

import pytest

from RNTDosimetryLib.dose.kernel_cache import CACHE_VARIABLE


@pytest.fixture(scope="session", autouse=True)
def _own_kernel_cache(tmp_path_factory):
    """Kernels of these tests are made by the code under test, never read from the cache of the account."""
    before = os.environ.get(CACHE_VARIABLE)
    os.environ[CACHE_VARIABLE] = str(tmp_path_factory.mktemp("kernels"))
    yield
    if before is None:
        del os.environ[CACHE_VARIABLE]
    else:
        os.environ[CACHE_VARIABLE] = before
