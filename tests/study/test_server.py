"""The pages by HTTP: the way in, the way through, and the way out, for whoever follows the rules."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mixedsignals.errors import InputError
from mixedsignals.study.settings import write_settings
from mixedsignals.study.store import people, read_answers, reading

Study = Callable[..., Any]
SAID = {"label": "warm", "confidence": 4}


def text_of(page: str) -> str:
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_from_invitation_to_the_end(make_study: Study, host: Study) -> None:
    study = host(make_study(completion_code="C0DE", completion_url="https://panel.example/done"))
    link = study.links()[0]
    person = study.visitor()
    page = person.get(link)
    assert page.status == 200
    assert "Nothing is stored until you begin" in page.text
    assert reading.people_of(study.database.reading().__enter__()) == []
    person.enter(link)
    seen = []
    while person.shown:
        if person.media:
            reply = person.get(person.media)
            assert reply.status == 200
            seen.append(reply.headers["content-type"])
        assert person.answer(**SAID).status == 200
    assert "Thank you" in person.page.text
    assert "C0DE" in person.page.text
    assert 'href="https://panel.example/done"' in person.page.text
    assert Counter(seen)["audio/mp4"] >= 1
    answers = read_answers(study.database)
    assert answers.height == 7
    assert set(answers["confidence"].drop_nulls()) == {4}
    assert person.get("/study").text.count("Thank you") == person.page.text.count("Thank you")


def test_without_scripts_forms_work_by_redirections(make_study: Study, host: Study) -> None:
    study = host(make_study())
    person = study.participant()
    fields = person.page.fields
    body = f"mark={fields['mark']}&shown={fields['shown']}&label=calm&confidence=1".encode()
    reply = person.request(
        "POST", "/study/answer", body, {"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert (reply.status, reply.headers["location"]) == (303, "/study")
    assert person.get("/study").fields["shown"] != fields["shown"]


def test_one_link_one_place_on_any_device(make_study: Study, host: Study) -> None:
    study = host(make_study())
    link = study.links()[0]
    phone = study.visitor().enter(link)
    phone.answer(**SAID)
    laptop = study.visitor()
    page = laptop.get(link)
    assert page.fields["shown"] == phone.page.fields["shown"]
    own = re.search(r"http://[^\"<]*/r/[^\"<]*", laptop.get("/leave").text)
    assert own is not None
    tablet = study.visitor()
    assert tablet.get(own[0]).fields["shown"] == phone.page.fields["shown"]
    assert len(read_answers(study.database)) == 1
    with study.database.reading() as connection:
        assert len(reading.people_of(connection)) == 1


def test_an_open_link_has_its_quota(make_study: Study, host: Study) -> None:
    study = host(make_study())
    link = study.links(kind="open", quota=2)[0]
    assert [study.visitor().enter(link).shown is not None for _ in range(3)] == [True, True, False]
    refused = study.visitor().get(link)
    assert refused.status == 403
    assert "lets nobody new in" in refused.text


def test_a_recruiting_service_hands_over_its_id_and_no_copy_is_kept(make_study: Study, host: Study) -> None:
    study = host(make_study())
    link = study.links(kind="panel", quota=5)[0]
    assert study.visitor().get(link).status == 400
    first = study.visitor().enter(f"{link}?PROLIFIC_PID=60f1aa77&STUDY_ID=x&SESSION_ID=y")
    first.answer(**SAID)
    again = study.visitor().enter(f"{link}?PROLIFIC_PID=60f1aa77")
    assert again.page.fields["shown"] == first.page.fields["shown"]
    assert study.visitor().enter(f"{link}?PROLIFIC_PID=other").shown is not None
    with study.database.reading() as connection:
        assert len(reading.people_of(connection)) == 2
    for file in study.folder.path.glob("study.db*"):
        assert b"60f1aa77" not in file.read_bytes()
    owner = study.owner()
    found = owner.post("/owner/find", {"mark": owner.page.fields["mark"], "external": "60f1aa77"})
    with study.database.reading() as connection:
        assert reading.people_of(connection)[0].participant_id in text_of(found.text)


def test_who_declines_leaves_nothing(make_study: Study, host: Study) -> None:
    study = host(make_study())
    person = study.visitor()
    fields = person.get(study.links()[0]).fields
    assert "Nothing has been stored" in person.post("/decline", fields).text
    unticked = person.post("/consent", fields)
    assert unticked.status == 422
    assert "tick the box" in unticked.text
    with study.database.reading() as connection:
        assert reading.people_of(connection) == []


def test_everything_that_is_asked_must_be_answered(make_study: Study, host: Study) -> None:
    study = host(make_study(scale=5, practice=0))
    person = study.participant()
    before = person.page.fields["shown"]
    for fields in (
        {},
        {"label": "warm"},
        {"label": "warm", "confidence": 3},
        {"label": "hot", "confidence": 3},
    ):
        reply = person.answer(**fields)
        assert reply.status == 422
        assert "Please answer" in reply.text
        assert person.page.fields["shown"] == before
    assert person.answer(label="warm", scale=5, confidence=3).status == 200
    row = read_answers(study.database).row(0, named=True)
    assert (row["label"], row["scale"], row["confidence"]) == ("warm", 5, 3.0)


def test_a_scale_alone_gives_its_points_as_labels(make_study: Study, host: Study) -> None:
    study = host(make_study(labels=(), scale=7, confidence=False))
    person = study.participant()
    while person.shown:
        assert person.answer(scale=6, label="warm").status == 200
    answers = read_answers(study.database)
    assert set(answers["label"]) == {"6"}
    assert set(answers["scale"]) == {6}


def test_free_text_and_reasons_are_kept_as_they_were_written(make_study: Study, host: Study) -> None:
    study = host(make_study(free_text=True, reasons=True, conditions=("text+audio+video",), practice=0))
    person = study.participant()
    evil = "<script>alert(1)</script>\n“ja” \x00"
    reply = person.answer(**SAID, free_text=evil, reason_text="warm", reason_video="calm", reason_audio="hot")
    assert reply.status == 200
    row = read_answers(study.database).row(0, named=True)
    assert row["free_text"] == "<script>alert(1)</script>\n“ja”"
    assert row["reasons"] == '{"text": "warm", "video": "calm"}'


def test_the_counterfactual_pages_say_that_the_clip_comes_again(make_study: Study, host: Study) -> None:
    chosen = {
        "conditions": ("text", "text+audio+video"),
        "design": "counterfactual",
        "repeats": 0,
        "practice": 0,
    }
    study = host(make_study(attention=0, **chosen))
    person = study.participant()
    words = []
    for _ in range(8):
        page = text_of(person.page.text)
        words.append("more" if "now with more" in page else "same" if "once more" in page else "first")
        person.answer(**SAID)
    assert words[::2] == ["first"] * 4
    assert sorted(words[1::2]) == ["more", "more", "same", "same"]


def test_the_sound_check_is_passed_by_ear_and_failing_it_is_marked(make_study: Study, host: Study) -> None:
    from mixedsignals.study.server.checks import draw_check

    study = host(make_study(headphones=True))
    person = study.visitor()
    page = person.get(study.links()[0])
    page = person.post("/consent", {**page.fields, "agree": "yes"})
    page = person.post("/study/instructions", {"mark": page.fields["mark"]})
    places = re.findall(r'src="(/check/[^"]+)"', page.text)
    assert [person.get(place).headers["content-type"] for place in places] == [
        "video/mp4",
        "audio/wav",
        "audio/wav",
    ]
    assert person.get(places[0], {"Range": "bytes=10-19"}).headers["content-range"].startswith("bytes 10-19/")
    wrong = person.post("/study/check", {"mark": page.fields["mark"], "beeps": 0})
    assert "did not match" in text_of(wrong.text)
    assert person.get(places[0]).status == 404, "a new try has a new recording"
    task = draw_check(0, 0, 1)
    right = {"beeps": task.beeps, "digit": task.digit, "tone_1": task.quietest[0], "tone_2": task.quietest[1]}
    passed = person.post("/study/check", {"mark": wrong.fields["mark"], **right})
    assert "shown" in passed.fields
    skipper = study.visitor().enter(study.links()[0])
    assert skipper.shown
    with study.database.reading() as connection:
        checks = [person.checks for person in reading.people_of(connection)]
    assert ['"passed": true' in str(each) for each in checks] == [True, False]


def test_leaving_for_good_deletes_everything(make_study: Study, host: Study) -> None:
    study = host(make_study(free_text=True, practice=0))
    link = study.links()[0]
    person = study.visitor().enter(link)
    person.answer(**SAID, free_text="quite private")
    who = read_answers(study.database)["rater_id"][0]
    page = person.get("/leave")
    unsure = person.post("/leave", {"mark": page.fields["mark"]})
    assert unsure.status == 200
    assert len(read_answers(study.database)) == 1
    done = person.post("/leave", {"mark": page.fields["mark"], "sure": "yes"})
    assert "have been deleted" in done.text
    assert read_answers(study.database).is_empty()
    for file in study.folder.path.glob("study.db*"):
        for trace in (who.encode(), b"quite private"):
            assert trace not in file.read_bytes(), f"{file.name} still has it"
    assert person.get("/study").status == 401
    assert study.visitor().get(link).status == 403, "the invitation was used"


def test_a_closed_or_full_study_lets_nobody_new_in(make_study: Study, host: Study) -> None:
    study = host(
        make_study(clips=4, raters_per_cell=1, conditions=("text",), practice=0, attention=0, repeats=0)
    )
    link = study.links(kind="open", quota=50)[0]
    within = study.visitor().enter(link)
    owner = study.owner()
    owner.post("/owner/state", {"mark": owner.page.fields["mark"], "wanted": "closed"})
    assert "This study is closed" in study.visitor().get(link).text
    assert "closed while you were taking part" in text_of(within.answer(**SAID).text)
    assert len(read_answers(study.database)) == 1
    owner.post("/owner/state", {"mark": owner.get("/owner").fields["mark"], "wanted": "open"})
    within.page = within.get("/study")
    while within.shown:
        within.answer(**SAID)
    assert "all the participants" in study.visitor().get(link).text


def test_no_more_people_than_the_owner_set(make_study: Study, host: Study) -> None:
    study = host(make_study(participants=2))
    link = study.links(kind="open", quota=50)[0]
    assert [study.visitor().enter(link).shown is not None for _ in range(3)] == [True, True, False]
    assert "all the participants" in study.visitor().get(link).text


def test_the_owner_sees_progress_agreement_and_flags(make_study: Study, host: Study) -> None:
    study = host(
        make_study(clips=4, items_per_participant=4, conditions=("text", "audio"), raters_per_cell=4)
    )
    for number in range(4):
        person = study.participant()
        while person.shown:
            person.answer(label="warm" if number % 2 else "calm", confidence=3)
    owner = study.owner()
    page = text_of(owner.page.text)
    assert "16 / 32" in page
    assert "failed a check" in page
    assert re.search(r"text -?\d\.\d\d", page) or "too few judgements" in page
    with study.database.reading() as connection:
        who = reading.people_of(connection)[0].participant_id
    mark = owner.page.fields["mark"]
    assert owner.post("/owner/exclude", {"mark": mark, "participant": who, "reason": " "}).status == 422
    owner.post("/owner/exclude", {"mark": mark, "participant": who, "reason": "always calm"})
    after = text_of(owner.get("/owner").text)
    assert "excluded: always calm" in after
    assert "12 / 32" in after
    assert read_answers(study.database)["excluded"].drop_nulls().unique().to_list() == ["always calm"]
    owner.post("/owner/include", {"mark": mark, "participant": who})
    assert "16 / 32" in text_of(owner.get("/owner/live").text)
    owner.post("/owner/delete", {"mark": mark, "participant": who})
    with study.database.reading() as connection:
        assert people.find_participant(connection, who) is None


@pytest.mark.parametrize(
    ("conditions", "told"), [(("text", "text+audio+video"), True), (("text", "video"), False)]
)
def test_the_owner_is_told_that_audio_carries_the_words(
    make_study: Study, host: Study, conditions: tuple[str, ...], told: bool
) -> None:
    page = text_of(host(make_study(conditions=conditions)).owner().get("/owner").text)
    assert ("Audio carries the words" in page) is told


def test_the_owner_makes_and_stops_links(make_study: Study, host: Study) -> None:
    study = host(make_study())
    owner = study.owner()
    mark = owner.page.fields["mark"]
    made = owner.post("/owner/invite", {"mark": mark, "kind": "single", "number": 3}).text
    links = re.findall(r"<li>(http://[^<]*/i/[^<]*)</li>", made)
    assert len(set(links)) == 3
    assert study.visitor().enter(links[0]).shown
    invitation = re.search(r'name="invitation" value="([^"]+)"', owner.get("/owner").text)
    assert invitation is not None
    owner.post("/owner/revoke", {"mark": mark, "invitation": invitation[1]})
    assert [study.visitor().get(link).status for link in links[1:]].count(403) == 1


@pytest.mark.parametrize("page", ["consent", "instructions", "question", "debrief"])
def test_the_owners_markdown_can_be_no_markup(make_study: Study, host: Study, page: str) -> None:
    folder = make_study()
    evil = (
        "# T\n\n**bold** <script>alert(1)</script> [x](javascript:alert(1)) [y](data:text/html,x) "
        "![i](http://evil/x.png) <b onclick=alert(1)>\n\n<style>*{}</style>\n\n[ok](https://ok.example)\n"
    )
    (folder.pages / f"{page}.md").write_text(evil)
    study = host(folder)
    person = study.visitor()
    link = study.links()[0]
    shown = person.get(link)
    if page != "consent":
        shown = person.post("/consent", {**shown.fields, "agree": "yes"})
    if page in ("question", "debrief"):
        shown = person.enter(link).page
    while page == "debrief" and person.shown:
        shown = person.answer(**SAID)
    text = shown.text
    assert "<strong>bold</strong>" in text
    assert 'href="https://ok.example" rel="noopener noreferrer"' in text
    for bad in ("<script>alert", 'href="javascript', 'href="data:', "<img", "<b onclick", "<style>*"):
        assert bad not in text


def test_strings_of_the_study_replace_the_pages_own(make_study: Study, host: Study) -> None:
    folder = make_study(language="de")
    (folder.path / "strings.toml").write_text(
        'consent_yes = "Los geht\'s"\nprogress = "{done} von {total}"\n'
    )
    study = host(folder)
    assert "Los geht&#39;s" in study.visitor().get(study.links()[0]).text
    assert "0 von 7" in study.participant().page.text


def test_what_people_are_asked_stays_once_somebody_has_come(make_study: Study, host: Study) -> None:
    folder = make_study(design="latin", repeats=0)
    settings = folder.settings()
    study = host(folder)
    write_settings(replace(settings, confidence=False), folder.settings_path)
    host(folder)  # nobody has come yet
    write_settings(settings, folder.settings_path)
    host(folder)
    study.participant()
    write_settings(replace(settings, raters_per_cell=9, completion_code="X"), folder.settings_path)
    host(folder)
    write_settings(replace(settings, labels=("cold", "warm"), scale=5), folder.settings_path)
    with pytest.raises(InputError) as caught:
        host(folder)
    assert {problem.message.split(" ")[0] for problem in caught.value.problems} == {"labels", "scale"}


def test_a_closed_panel_has_as_many_seats_as_its_square(make_study: Study, host: Study) -> None:
    study = host(make_study(design="latin", raters_per_cell=1, clips=4, practice=0, attention=0, repeats=0))
    link = study.links(kind="open", quota=50)[0]
    assert [study.visitor().enter(link).shown is not None for _ in range(5)] == [True] * 4 + [False]


def test_scripts_and_styles_come_compressed_and_pages_do_not(make_study: Study, host: Study) -> None:
    study = host(make_study())
    visitor = study.visitor()
    page = visitor.get("/", {"Accept-Encoding": "gzip"})
    assert "content-encoding" not in page.headers
    place = re.search(r"/static/[^\"]*htmx[^\"]*", page.text)
    assert place is not None
    packed = visitor.get(place[0], {"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == visitor.get(place[0]).body
    assert len(packed.body) < 20_000


def test_the_database_is_for_its_owner_alone(make_study: Study, host: Study) -> None:
    study = host(make_study())
    for file in study.folder.path.glob("study.db*"):
        assert file.stat().st_mode & 0o077 == 0, file.name


def test_a_recording_that_does_not_play_is_gone_past(make_study: Study, host: Study) -> None:
    study = host(make_study(conditions=("video", "text"), practice=0, attention=0, repeats=0))
    person = study.participant()
    while person.media is None:
        fields = {"mark": person.page.fields["mark"], "shown": person.page.fields["shown"]}
        assert person.post("/study/skip", fields).status == 409, "words can always be read"
        person.answer(**SAID)
    before, given = person.page.fields["shown"], read_answers(study.database).height
    person.page = person.post("/study/skip", {"mark": person.page.fields["mark"], "shown": before})
    assert person.page.status == 200
    assert person.page.fields.get("shown") != before
    assert read_answers(study.database).height == given
    assert "could not play a clip" in text_of(study.owner().page.text)
