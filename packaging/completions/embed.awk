# Makes the completion files of the shells a header: awk -f embed.awk atoll.bash _atoll atoll.fish
BEGIN {
	shell["atoll.bash"] = "bash"
	shell["_atoll"] = "zsh"
	shell["atoll.fish"] = "fish"
	print "/* Made from packaging/completions. */"
	printf "#define COMPLETION_SCRIPTS"
}
FNR == 1 {
	if (NR > 1)
		printf ")"
	name = FILENAME
	sub(/.*\//, "", name)
	printf " \\\n\tCOMPLETION_SCRIPT(\"%s\"", shell[name]
	comma = ","
}
{
	text = $0
	gsub(/\\/, "&&", text)
	gsub(/"/, "\\\"", text)
	gsub(/\t/, "\\t", text)
	printf "%s \\\n\t\"%s\\n\"", comma, text
	comma = ""
}
END {
	print ")"
}
