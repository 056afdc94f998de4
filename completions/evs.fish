# fish completion for evs. The program says what there is: evs --complete WORD..., the last of which is being typed. It prints
# lines of a word, a tab and what it means; a line without a word says "file" or "command".

# Offer names of files, but those of LMDB's lock files, for $argv[1]; of an option's value for what stands behind its "=".
function __evs_files
    set -l option (string match -r -- '^--[^=]*=' $argv[1])
    complete -C "'' "(string replace -- "$option" '' "$argv[1]") | string match -rv -- '-lock(\t|$)' |
        string replace -r -- '^' "$option"
end

function __evs_complete
    set -l words (commandline -opc | string replace -r -- '^~/' "$HOME/")
    set -l token (commandline -ct)
    # A quote may still be open.
    set -l typed (string unescape -- "$token" || string trim -l -c '"\'' -- "$token")
    set -l tool (string match -rg -- '(?:^|/)evs-([^/]*)$' $words[1])

    for line in (command evs --complete $tool $words[2..] "$typed" 2>/dev/null)
        switch $line
            case \tfile
                __evs_files "$token"
            case \tcommand
                __fish_complete_command
            case '*'
                echo $line
        end
    end
end

set -l tools $PATH/evs-*
for tool in evs (string replace -r -- '.*/' '' $tools)
    complete -c $tool -f -a '(__evs_complete)'
end
