"""Arrays in, numbers out: what the diagnosis computes, and how sure one may be of it.

No table is read or written here; a check in `mixedsignals.diagnosis` turns tables into the arrays below and
the numbers back into `scores` and `estimates`.

Conventions of the whole package:

- **Codes.** Labels are integer codes `0 … C−1` in the order of the label list; `-1` means missing.
- **Not applicable.** A number that does not exist (0/0, too few votes, one class) is `None`, or an
  [`Estimate`][mixedsignals.measures.inference.Estimate] whose `value` is `None` and whose `note` says why:
  never NaN. In an array with one value per clip, NaN marks a clip for which the value does not exist;
  every function that summarises over clips leaves such clips out and counts the others.
- **Groups.** Uncertainty is counted over groups (speakers), see `groups.py` and `inference.py`.
- **Units.** Entropies and divergences are in bits, log-losses in nats.
"""
