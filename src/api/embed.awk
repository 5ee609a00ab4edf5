# Turns a text into C strings, one for each line and with commas between (a compiler need not take literals longer than
# 4 KB), and a NULL.
{
	gsub(/\\/, "&&")
	gsub(/"/, "\\\"")
	gsub(/\t/, " ")
	print "\"" $0 "\","
}
END {
	print "NULL,"
}
