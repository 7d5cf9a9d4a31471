from __future__ import annotations

from hypothesis import settings

# A busy machine is slow now and then; what must be fast is measured by the tests that say so.
settings.register_profile("runlet", deadline=None)
settings.load_profile("runlet")
