"""Takes `clips` with their targets and paths of media, and renders what each condition lets people perceive.

Gives the `votes` of the people who judged them on its pages, with position, arm and occasion, and what they say.
"""
