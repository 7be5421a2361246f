"""Task folders -> what can be evaluated, without importing lm-eval: ours at once, lm-eval's own tasks when one is asked for."""

from harness.catalog.names import Catalog, Place, read
from harness.catalog.yaml_files import Entry

__all__ = ["Catalog", "Entry", "Place", "read"]
