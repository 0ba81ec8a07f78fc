"""The guided tour: what it asks and answers, what it draws, and what of the reader's own it shows. No Django."""

from .figures import FIGURES, Figure
from .own import Fact, facts, newest
from .steps import CHAPTERS, STEPS, Step

__all__ = ["CHAPTERS", "FIGURES", "STEPS", "Fact", "Figure", "Step", "facts", "newest"]
