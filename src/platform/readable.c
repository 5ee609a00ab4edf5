#include "platform/readable.h"

#include <stdio.h>

#include "base/attributes.h"
#include "base/crypt.h"

// clang-format off
static const char *const qualities[] = {
	"able", "agile", "airy", "amber", "ample", "azure", "bold", "brave", "breezy", "brief", "bright",
	"brisk", "broad", "calm", "candid", "cheery", "chief", "civil", "clean", "clear", "clever",
	"close", "coastal", "cool", "coral", "cosmic", "cozy", "crisp", "curious", "daily", "dapper",
	"daring", "deep", "deft", "distant", "dreamy", "driven", "dry", "dusky", "eager", "early",
	"earnest", "easy", "eastern", "elder", "elegant", "even", "exact", "fair", "famous", "fancy",
	"fast", "fine", "firm", "fleet", "fluent", "fond", "free", "fresh", "frosty", "gentle", "giant",
	"glad", "golden", "good", "grand", "great", "green", "handy", "happy", "hardy", "hazel", "hearty",
	"honest", "humble", "ideal", "inland", "jolly", "just", "keen", "kind", "known", "large",
	"lasting", "later", "light", "lively", "local", "lofty", "loyal", "lucid", "lucky", "lunar",
	"mellow", "merry", "mighty", "mild", "modern", "modest", "native", "neat", "new", "nimble",
	"noble", "northern", "novel", "open", "patient", "plain", "polite", "prime", "proud", "quick",
	"quiet", "rapid", "ready", "regal", "rosy", "round", "royal", "rustic", "sandy", "serene", "sharp",
	"shiny", "silent", "silver", "simple", "sincere", "sleek", "smooth", "snowy", "solar", "solid",
	"sound", "southern", "sparkling", "spry", "stable", "steady", "stellar", "still", "strong",
	"sturdy", "sunny", "sure", "swift", "tidal", "tidy", "true", "upbeat", "urban", "valid", "vast",
	"vivid", "warm", "western", "whole", "wild", "wise", "witty", "young", "zesty",
};
static const char *const things[] = {
	"acorn", "albatross", "alcove", "almond", "anchor", "antler", "arbor", "archer", "atlas", "aurora",
	"badger", "bamboo", "banner", "barley", "basin", "bay", "beacon", "beaver", "birch", "bison",
	"bloom", "boulder", "breeze", "bridge", "brook", "canyon", "cape", "cedar", "channel", "cherry",
	"cliff", "cloud", "clover", "coast", "comet", "compass", "condor", "copper", "coral", "cove",
	"crane", "creek", "crest", "cricket", "crystal", "current", "cypress", "dawn", "delta", "dolphin",
	"dove", "dune", "eagle", "echo", "elm", "ember", "estuary", "falcon", "feather", "fern", "field",
	"finch", "fjord", "flame", "flint", "forest", "fountain", "fox", "galaxy", "garden", "gazelle",
	"geyser", "glacier", "glade", "grove", "gull", "harbor", "hawk", "heather", "heron", "hill",
	"horizon", "iris", "island", "ivy", "jasper", "jetty", "juniper", "kelp", "kestrel", "kite",
	"koala", "lagoon", "lake", "lantern", "lark", "laurel", "ledge", "lichen", "lily", "linden",
	"lotus", "lynx", "maple", "marsh", "meadow", "mesa", "meteor", "mill", "mist", "moon", "moss",
	"mountain", "nebula", "nest", "oak", "oasis", "ocean", "orbit", "orchard", "orchid", "osprey",
	"otter", "owl", "palm", "panther", "parrot", "path", "peak", "pearl", "pebble", "pelican", "pine",
	"planet", "plateau", "plover", "pond", "poplar", "prairie", "puffin", "quail", "quarry", "quartz",
	"quill", "rain", "raven", "reef", "ridge", "river", "robin", "sail", "sand", "seal", "shell",
	"shore", "sparrow", "spring", "spruce", "squall", "star", "stone", "stork", "storm", "stream",
	"summit", "sun", "surf", "swallow", "swan", "tern", "thicket", "thistle", "thunder", "tide",
	"timber", "trail", "tulip", "valley", "violet", "walnut", "wave", "whale", "willow", "wind",
	"wren",
};
// clang-format on

void readable_name(char name[NAME_BYTES])
{
	snprintf(name, NAME_BYTES, "%s-%s", qualities[crypt_random_below(ARRAY_LENGTH(qualities))],
		 things[crypt_random_below(ARRAY_LENGTH(things))]);
}
