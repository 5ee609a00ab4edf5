# fish completion for atoll: asks the program itself what may come next.
function __atoll_candidates
	set -l words (commandline -opc)
	set -l current (commandline -ct)
	set -l lines (command $words[1] completion candidates -- $words[2..-1] "$current" 2>/dev/null)
	if test "$lines[1]" = ":files"
		__fish_complete_path "$current"
	else if string match -q -- '--*=*' "$current"
		# The whole word is replaced, so what stands before the value belongs to each candidate.
		string replace -r '^' (string replace -r '=.*' '=' -- "$current") -- $lines
	else
		printf '%s\n' $lines
	end
end
complete -c atoll -f -a '(__atoll_candidates)'
