#include "cli/names.h"

#include <stdio.h>

#include "base/attributes.h"
#include "base/crypt.h"

static const char *const first_words[] = {
	"amber",   "ancient",  "azure",   "brave",   "breezy",   "bright",  "bronze", "calm",    "clear",
	"coastal", "copper",   "coral",   "crimson", "crisp",    "curious", "daring", "distant", "drifty",
	"eager",   "early",    "fabled",  "fair",    "faithful", "fleet",   "gentle", "gilded",  "glad",
	"golden",  "graceful", "grand",   "hidden",  "humble",   "indigo",  "ivory",  "jade",    "jolly",
	"keen",    "kind",     "lively",  "lone",    "lucky",    "lunar",   "mellow", "merry",   "misty",
	"noble",   "northern", "olive",   "patient", "pearly",   "placid",  "proud",  "quiet",   "rapid",
	"rosy",    "salty",    "scarlet", "serene",  "silent",   "silver",  "sleepy", "smooth",  "solar",
	"steady",  "sunny",    "swift",   "tidal",   "tranquil", "velvet",  "windy",
};

static const char *const second_words[] = {
	"anchor",   "anemone",    "bay",    "beacon", "breeze",  "buoy",    "canoe",   "cape",     "cliff",
	"clipper",  "cloud",      "coast",  "cove",   "crab",    "current", "dolphin", "dune",     "ferry",
	"fjord",    "gull",       "harbor", "heron",  "horizon", "island",  "jetty",   "kelp",     "lagoon",
	"lantern",  "lighthouse", "manta",  "marlin", "mast",    "moon",    "mussel",  "nautilus", "oar",
	"orca",     "osprey",     "otter",  "oyster", "palm",    "pearl",   "pelican", "petrel",   "pier",
	"pilot",    "plover",     "port",   "puffin", "raft",    "reef",    "river",   "sail",     "sandbar",
	"schooner", "seal",       "shell",  "shoal",  "shore",   "skiff",   "sloop",   "sound",    "star",
	"strait",   "surf",       "tern",   "tide",   "turtle",  "voyage",  "whale",
};

void name_generate(char name[NAME_BYTES])
{
	snprintf(name, NAME_BYTES, "%s-%s", first_words[crypt_random_below(ARRAY_LENGTH(first_words))],
		 second_words[crypt_random_below(ARRAY_LENGTH(second_words))]);
}
