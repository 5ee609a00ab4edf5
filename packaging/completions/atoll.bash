# bash completion for atoll: asks the program itself what may come next.
_atoll() {
	local words line value
	COMPREPLY=()
	# bash would take words apart at ":" and "="; what was typed is taken apart at blanks only.
	read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
	[[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=("")
	while IFS= read -r line; do
		if [[ $line == :files ]]; then
			compopt -o default
			return
		fi
		value=${line%%$'\t'*}
		COMPREPLY+=("$value")
	done < <(command "${COMP_WORDS[0]}" completion candidates -- "${words[@]:1}" 2>/dev/null)
}
complete -F _atoll atoll
