"""A pack with one of everything, as its files, for tests to break at any place."""

from __future__ import annotations

from typing import Final

PACK: Final = """\
format = 1
id = "rich"
tag = "ri"
version = 1
paragraph = "IV"
provenance = "memory"
languages = ["en", "fr"]

[[codes]]
id = "kinds"
[[codes.item]]
number = 1
id = "plain"
[[codes.item]]
number = 2
id = "urgent"

[[status]]
pair = ["ALPHA", "BRAVO"]
state = "suspended"
by = "ALPHA"
[[status]]
pair = ["ALPHA", "CHARLIE"]
state = "in force"
by = "CHARLIE"
"""

FORMS: Final = """\
[[form]]
id = "visit"
number = 1
disclaimer = "disclaimer"
[[form.field]]
number = 1
id = "asked"
type = "party"
[[form.field]]
number = 2
id = "kind"
type = "code"
codes = "kinds"
required = true
specials = ["nil"]
[[form.field]]
number = 3
id = "start"
type = "time"
[[form.field]]
number = 4
id = "last"
type = "date"
[[form.field]]
number = 5
id = "troops"
type = "count"
low = 10
high = 1000
[[form.field]]
number = 6
id = "area"
type = "area"
[[form.field]]
number = 7
id = "object"
type = "unit"
max_chars = 60
[[form.field]]
number = 8
id = "serial"
type = "serial"
[[form.field]]
number = 9
id = "phase"
type = "group"
repeat = [1, 9]
required = true
[[form.field.field]]
number = 1
id = "guns"
type = "count"
[[form.field.field]]
number = 2
id = "at"
type = "time"

[[form]]
id = "verdict"
number = 2
answers = ["visit"]
[[form.field]]
number = 1
id = "kind"
type = "code"
codes = "kinds"

[[form]]
id = "report"
number = 3
[[form.field]]
number = 1
id = "units"
type = "count"
[[form.field]]
number = 2
id = "object"
type = "text"
max_chars = 500

[[form]]
id = "nothing"
number = 4

[[form]]
id = "seal"
number = 5
[[form.field]]
number = 1
id = "sum"
type = "hash"
[[form.field]]
number = 2
id = "round"
type = "unit"

[[form]]
id = "open"
number = 6
[[form.field]]
number = 1
id = "round"
type = "unit"
[[form.predecessor]]
forms = ["seal"]
role = "predecessor"
required = true

[[form]]
id = "waive"
number = 7
effect = "waive"
[[form.predecessor]]
forms = ["visit", "report"]
role = "concerns"

[[form]]
id = "account"
number = 8
answers = ["visit"]
act = "account"

[[form]]
id = "goodwill"
number = 9
obliges = false
"""

PHRASES: Final = """\
[[phrase]]
id = "asking"
number = 1
code = "AA1"
response = ["BB1"]
signal = "flags"
[[phrase.field]]
number = 1
id = "time"
type = "time"
[[phrase]]
id = "saying"
number = 2
code = "BB1"
"""

RULES: Final = """\
[[deadline]]
id = "answer"
on = "visit"
base = "receipt"
who = "receivers"
by = ["verdict"]
not_before = "1h"
not_after = "2h"
lapses = true
threshold = "notable"
when = [{ path = "kind", one_of = ["plain", "urgent"] }]

[[deadline]]
id = "lead"
on = "visit"
base = "start"
path = "last"
who = "sender"
not_before = "-5d"
not_after = "-2d"
count = "utc-date"

[[deadline]]
id = "asked"
on = "visit"
base = "arrival"
path = "start"
who = "field"
who_path = "asked"
by = ["account"]
link = "incident"
not_after = "1h"

[[deadline]]
id = "yearly"
on = "visit"
base = "calendar"
path = "last"
who = "sender"
month = 1
day = 31

[[threshold]]
id = "notable"
on = "visit"
label = "label"
any_of = [{ path = "troops", at_least = 1000 }, { path = "phase.guns", at_least = 5 }]
all_of = [{ path = "troops", at_least = 11 }]
when = [{ path = "kind", one_of = ["plain"] }]
split_area = "area"
split_from = "start"
split_until = "last"
split_command = "object"
split_gap = "1d"

[[threshold]]
id = "reported"
on = "report"
label = "label"
any_of = [{ path = "units", at_least = 0 }]

[[quota]]
id = "visits"
on = "visit"
side = "passive"
side_path = "asked"
limit = 3
same_party = 3
share = 2
path = "start"
accepted_by = "verdict"
accepted_path = "kind"
accepted_is = ["plain"]
object_path = "object"
per_object = 1
simultaneous = 1
from_path = "start"
until_path = "last"
threshold = "notable"
below = "notable"
when = [{ path = "kind", one_of = ["plain"] }]

[[quota]]
id = "by-units"
on = "visit"
side = "active"
units = { on = "report", path = "units", per = 60, cap = 5, at_least = 5 }

[[validity]]
id = "held"
on = "visit"
from_path = "start"
until_path = "last"
until_plus = "1d"
count = "utc-date"
ended_by = ["report"]
objects = "object"

[[validity]]
id = "listed"
on = "report"
revalidate = "30d"

[[exchange]]
id = "year"
forms = ["report"]
nil = ["nothing"]
date = "12-15"
opens = "366d"

[[simultaneous]]
id = "together"
commit = "seal"
hash_path = "sum"
open = "open"
round_path = "round"
within = "1s"
"""

EN: Final = """\
verified = true

[words]
"pack.title" = "A rich pack"
"pack.source" = "No agreement"
"label" = "notable"
"disclaimer" = "A disclaimer"
"flags" = "two flags"
"form.visit.title" = "Visit"
"form.verdict.title" = "Verdict"
"form.report.title" = "Report"
"form.nothing.title" = "Nothing"
"form.seal.title" = "Seal"
"form.open.title" = "Open"
"form.waive.title" = "Waive"
"form.account.title" = "Account"
"form.goodwill.title" = "Goodwill"
"field.visit.asked" = "Asked"
"field.visit.kind" = "Kind"
"field.visit.start" = "Start"
"field.visit.last" = "Last"
"field.visit.troops" = "Troops"
"field.visit.area" = "Area"
"field.visit.object" = "Object"
"field.visit.serial" = "Serial"
"field.visit.phase" = "Phase"
"field.visit.phase.guns" = "Guns"
"field.visit.phase.at" = "At"
"field.verdict.kind" = "Kind"
"field.report.units" = "Units"
"field.report.object" = "Object"
"field.seal.sum" = "Sum"
"field.seal.round" = "Round"
"field.open.round" = "Round"
"code.kinds.plain" = "plain"
"code.kinds.urgent" = "urgent"
"phrase.asking.meaning" = "Asking"
"phrase.asking.wording" = "I ask"
"phrase.asking.field.time" = "Time"
"phrase.saying.meaning" = "Saying"
"phrase.saying.wording" = "I say"
"rule.answer.title" = "Answer"
"rule.lead.title" = "Lead"
"rule.asked.title" = "Asked"
"rule.yearly.title" = "Yearly"
"rule.notable.title" = "Notable"
"rule.reported.title" = "Reported"
"rule.visits.title" = "Visits"
"rule.by-units.title" = "By units"
"rule.held.title" = "Held"
"rule.listed.title" = "Listed"
"rule.year.title" = "Year"
"rule.together.title" = "Together"
"""

FR: Final = """\
verified = false

[words]
"pack.title" = "Un recueil"
"""

FILES: Final = {
    "pack.toml": PACK,
    "forms.toml": FORMS,
    "phrases.toml": PHRASES,
    "rules.toml": RULES,
    "words/en.toml": EN,
    "words/fr.toml": FR,
}
