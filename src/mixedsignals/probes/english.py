"""The English words that the negator looks for, and a guess whether a text is English, from its function words.

Only closed classes of words are listed, and the open ones (verbs, participles) as far as talk commonly uses them.
"""

from __future__ import annotations

import re
from collections import Counter

__all__ = [
    "AUXILIARIES",
    "BASE_VERBS",
    "CAPITALISED",
    "CONTRACTIONS",
    "FRONTED",
    "HAVE",
    "NEGATIVES",
    "PARTICIPLES",
    "PLURAL_SUBJECTS",
    "REMOVED",
    "SINGULAR_SUBJECTS",
    "looks_english",
    "other_language",
]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")

AUXILIARIES = _set("am is are was were will would can could shall should may might must ought cannot")
HAVE = frozenset({"have", "has", "had"})
PLURAL_SUBJECTS = frozenset({"i", "you", "we", "they"})
SINGULAR_SUBJECTS = frozenset({"he", "she", "it", "that", "this"})
_SUBJECTS = PLURAL_SUBJECTS | SINGULAR_SUBJECTS | {"there", "who", "what", "these", "those", "here"}

CONTRACTIONS = {
    f"{subject}'{ending}"
    for subject in _SUBJECTS
    for ending in ("s", "re", "ll", "ve", "d", "m")
    if (ending == "m") == (subject == "i") or ending not in ("m",)
} | {"let's"}

#: contracted negatives, and what is left of them
REMOVED = {
    **{
        f"{word}n't": word
        for word in ("is", "are", "was", "were", "would", "could", "should", "might", "must")
    },
    **{f"{word}n't": word for word in ("have", "has", "had", "do", "does", "did", "need", "ought")},
    "can't": "can",
    "cannot": "can",
    "won't": "will",
    "shan't": "shall",
}
#: words that make a sentence negative in a way that leaving them out does not undo
NEGATIVES = _set("no nobody nothing none nowhere neither nor never hardly scarcely barely without ain't")
#: an auxiliary before its subject, with its contracted negative
FRONTED = {
    **{word: f"{word}n't" for word in ("is", "are", "was", "were", "would", "could", "should", "must")},
    **{word: f"{word}n't" for word in ("have", "has", "had", "do", "does", "did")},
    "can": "can't",
    "will": "won't",
}

PARTICIPLES = _set(
    "been had done gone seen heard taken given made come become known thought felt left lost found said told "
    "met got gotten begun broken brought bought built caught chosen cut driven eaten fallen forgotten grown "
    "held hurt kept led let meant paid put read run sent set shown shut slept spent spoken stood stolen "
    "taught thrown understood won worn written always ever also already just all both"
)
BASE_VERBS = _set(
    "know think believe feel hope wish want need like love hate see hear understand remember agree guess "
    "suppose mean care get go come take make give say tell ask try use work call keep let put leave live stay "
    "look find play move pay run read write wait help talk speak show turn start begin stop hold bring buy "
    "send stand sit watch eat drink sleep walk drive meet lose win miss worry forget promise expect enjoy "
    "trust thank appreciate doubt fear sound seem imagine recommend suggest check open close sign press click "
    "add fill book cancel return update confirm follow enter choose select print save delete reply forward "
    "answer email visit apply submit note ensure bear rest breathe relax listen wonder admit label bear cry "
    "laugh do have be"
)
CAPITALISED = _set(
    "the a an this that these those my your his her its our their he she it we you they there here who what "
    "when where why how if in on at to for with and but or so as by from of some any all every each one two "
    "three many most both is are was were will would can could shall should may might must have has had do "
    "does did let please just then now today after before while because although since until once another "
    "such people someone everybody everyone nobody nothing none no not never kids dogs"
)

_ENGLISH = _set(
    "the a an and of to is are was were be been am i you he she it we they this that these those in on at for "
    "with by from as but or not no my your his her its our their me him us them what who when where why how "
    "will would can could should have has had do does did there here if so than then just about out up all "
    "some any don't it's i'm that's you're can't won't didn't isn't"
)
_OTHERS = {
    "German": "der die das und ist nicht ich du er sie wir ihr ein eine einen mit auf für von zu den dem des im auch "
    "wie aber oder habe hat sind bin war kann wird sich mir mich",
    "French": "le la les et est pas je tu il elle nous vous un une des avec pour dans que qui ne sur ce cette sont au "
    "aux mais où suis était c'est j'ai d'un",
    "Spanish": "el la los las y es no yo tú él ella un una con para por que en de se lo su está son pero como más muy "
    "hay estoy",
    "Italian": "il lo la gli le e è non io tu lui lei noi un una con per che di in si sono ma come più questo della "
    "nel ho",
    "Portuguese": "o a os as e é não eu tu ele ela um uma com para por que em de se do da são mas como mais muito "
    "está você",
    "Dutch": "de het een en is niet ik jij hij zij wij met op voor van te dat die aan ook maar naar heb heeft zijn "
    "was kan",
}
_FOREIGN = {name: _set(words) - _ENGLISH for name, words in _OTHERS.items()}


def other_language(text: str) -> str | None:
    """The language, or script, that a text seems to be in where that is not English; None where it may be English."""
    letters = [letter for letter in text if letter.isalpha()]
    if sum(ord(letter) > 0x24F for letter in letters) > len(letters) / 2:
        return "another script"
    words = Counter(WORD.findall(text.lower().replace("’", "'")))
    own = sum(count for word, count in words.items() if word in _ENGLISH)
    scores = {
        name: sum(count for word, count in words.items() if word in known) for name, known in _FOREIGN.items()
    }
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > own else None


def looks_english(text: str) -> bool:
    """Whether function words of English outnumber those of each other language known here; False without any."""
    words = WORD.findall(text.lower().replace("’", "'"))
    return other_language(text) is None and any(word in _ENGLISH for word in words)
