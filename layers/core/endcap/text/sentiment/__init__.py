"""How favourable a written review is, from word lists and a few rules of grammar, for English and Chinese.

1. Normalise: width, case, traditional to simplified characters (`lexicon.normalize`).
2. Split into units: a Latin word or one Chinese character each, so both languages share every rule.
3. Match the longest lexicon entry at each place (`lexicon.lexicon`), English words also by their base form.
4. Read the entries in order: opinions, and what negates, strengthens, contrasts or suspends them (`reading`).
5. Add the opinions up, weighted, over the root of their squared weights: one opinion keeps its own score, many
   that agree reach the bound, and mixed ones cancel.

`aspects` gives the same opinions to what they speak of: quality, price, delivery and so on.
"""

import math

from endcap.text.sentiment.aspects import ASPECTS, review_aspects
from endcap.text.sentiment.opinions import opinions_in

__all__ = ["ASPECTS", "review_aspects", "review_polarity"]


def review_polarity(text: str) -> float:
    """How favourable a review is: 1 excellent, 0.6 good, 0 so-so or no opinion found, -0.6 bad, -1 terrible.

    Parameters
    ----------
    text : any string, English, Chinese (simplified or traditional) or both

    Returns
    -------
    float in [-1, 1]; never raises for a string; time grows linearly with the length of the text
    """
    opinions = opinions_in(text)
    weight = math.sqrt(sum(opinion.weight**2 for opinion in opinions))
    if weight == 0.0:
        return 0.0
    total = sum(opinion.weight * opinion.score for opinion in opinions) / weight
    return max(-1.0, min(1.0, total))
