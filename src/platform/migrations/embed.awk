# Turns a script into C strings with commas between, one for each line that ends a statement (a compiler need not take
# longer literals than 4 KB), and a NULL.
{
	ends = /;$/
	gsub(/\\/, "\\\\")
	gsub(/"/, "\\\"")
	gsub(/\t/, "\\t")
	print "\"" $0 "\\n\"" (ends ? "," : "")
}
END {
	print "NULL,"
}
