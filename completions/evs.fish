# fish completion for evs. What there is to complete, the program says: evs --complete, evs TOOL --complete.
# Its lines are tab-separated: word, short form, kind of the value, help. An option of kind pair:KIND takes two values.

# Print the kind of the value that option $argv[1] takes, by the lines after it.
function __evs_kind
    for line in $argv[2..]
        set -l fields (string split \t -- $line)
        if contains -- $argv[1] $fields[1..2]
            echo $fields[3]
            return
        end
    end
    echo none
end

# Print what may be a value of kind $argv[1], by the store $argv[2], each behind $argv[3].
function __evs_values
    switch (string replace pair: '' -- $argv[1])
        case 'choice:*'
            printf "$argv[3]%s\n" (string split , -- (string replace choice: '' -- $argv[1]))
        case type stream
            evs stat $argv[2] --by $argv[1] --format json 2>/dev/null | head -n 1000 |
                string replace -rf '^\{.*"'$argv[1]'":"([^"\\\\]*)".*' -- $argv[3]'$1'
        case time
            printf "$argv[3]%s\n" -15m -1h -1d -7d (date +%Y-%m-%d)
        case file
            __evs_files
    end
end

# Offer file names, but those of LMDB's lock files.
function __evs_files
    __fish_complete_path $argv | string match -rv -- '-lock(\t|$)'
end

# Print the verbs that operand $argv[2] of tool $argv[1] can be; its usage says "evs TOOL STORE one|two".
function __evs_verbs
    set -l usage (string split ' ' -- (evs $argv[1] --help 2>/dev/null)[1])
    string match -rq '^[a-z]+\|[a-z|]+$' -- $usage[(math $argv[2] + 3)]
    and string split '|' -- $usage[(math $argv[2] + 3)]
end

function __evs_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l tools (evs --complete 2>/dev/null)
    set -l names (string replace -rf '\t\ttool\t.*' '' -- $tools)
    set -l tool (string replace -r '.*/' '' -- $words[1])
    set -l rest $words[2..]

    if string match -q 'evs-*' -- $tool
        set tool (string replace 'evs-' '' -- $tool)
    else if test (count $words) -eq 1
        string replace -r '\t.*\t' \t -- $tools
        return
    else
        set tool $words[2]
        set rest $words[3..]
    end
    if test "$tool" = help
        string replace -rf '\t\ttool\t' \t -- $tools
        printf 'concepts\tthe map of all\n'
        return
    end
    # Only what evs knows is run: a program of somebody else may do anything on --complete.
    if not contains -- "$tool" $names
        __evs_files $current
        return
    end
    set -l table (evs $tool --complete 2>/dev/null)

    # The store is the first operand; kind is what the last word before the cursor asks for.
    set -l store
    set -l operands 0
    set -l kind none
    for word in $rest
        if string match -q 'pair:*' -- $kind
            set kind (string replace pair: '' -- $kind)
        else if test $kind != none
            set kind none
        else if string match -q -- '-?*' $word
            set kind (__evs_kind (string replace -r '=.*' '' -- $word) $table)
            # The first value stands behind the = already.
            if string match -q -- '*=*' $word
                string match -q 'pair:*' -- $kind
                and set kind (string replace pair: '' -- $kind)
                or set kind none
            end
        else
            set operands (math $operands + 1)
            test $operands -eq 1
            and set store $word
        end
    end

    if test $kind != none
        __evs_values $kind "$store" ''
    else if string match -q -- '--*=*' $current
        set -l option (string replace -r '=.*' '' -- $current)
        __evs_values (__evs_kind $option $table) "$store" $option=
    else if string match -q -- '-*' $current
        for line in $table
            set -l fields (string split \t -- $line)
            printf '%s\t%s\n' $fields[1] $fields[4]
        end
    else
        __evs_verbs $tool (math $operands + 1)
        or __evs_files $current
    end
end

complete -c evs -f -a '(__evs_complete)'
for tool in (evs --complete 2>/dev/null | string replace -rf '\t\ttool\t.*' '')
    complete -c evs-$tool -f -a '(__evs_complete)'
end
