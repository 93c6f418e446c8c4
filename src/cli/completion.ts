// `drover completion SHELL`: the script that has a shell ask `drover complete` what may stand where the cursor is. The same
// text is right in the shell's folder for completions and where it is read by the shell's start file.
import { Fault } from '../base/fault.ts';
import type { Run } from './command-line.ts';
import { print } from './terminal.ts';

// The bash of macOS is of 2007: it has neither `compopt` nor negative indices, and cuts words at `:` and `=`.
const BASH = `# bash completion for drover; a file of this text belongs to bash-completion/completions/drover
_drover() {
  local words=() count=0 at=0 rest=$COMP_LINE word line directive=
  while [ "$at" -le "$COMP_CWORD" ]; do
    word=\${COMP_WORDS[at]}
    case $rest in
      [[:blank:]]*) words[count]=$word; count=$((count + 1)) ;;
      *) if [ "$count" -eq 0 ]; then words[0]=$word; count=1; else words[count - 1]+=$word; fi ;;
    esac
    rest=\${rest#"\${rest%%[![:blank:]]*}"}
    rest=\${rest#"$word"}
    at=$((at + 1))
  done
  local current=\${words[count - 1]} cut=
  COMPREPLY=()
  [ "$count" -lt 2 ] && return
  case $current in *[:=]*) [[ $COMP_WORDBREAKS == *[:=]* ]] && cut=\${current%"\${current##*[:=]}"} ;; esac
  while IFS= read -r line; do
    case $line in
      :*) directive=\${line#:} ;;
      *)
        word=\${line%%$'\\t'*}
        word=\${word#"$cut"}
        case $word in *[[:blank:]\\'\\"\\\\\\$\\\`\\&\\;\\(\\)]*) printf -v word %q "$word" ;; esac
        COMPREPLY+=("$word")
        ;;
    esac
  done < <("\${words[0]/#\\~/$HOME}" complete -- "\${words[@]:1:count-2}" "=$current" 2>/dev/null)
  case $directive in
    files | directories)
      local kind=-f
      [ "$directive" = directories ] && kind=-d
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$kind" -- "\${current#"$cut"}")
      type compopt >/dev/null 2>&1 && compopt -o filenames
      ;;
    nospace) type compopt >/dev/null 2>&1 && compopt -o nospace ;;
  esac
}
complete -F _drover drover`;

const ZSH = `#compdef drover
# zsh completion for drover; a file of this text belongs to a folder of $fpath, as _drover
_drover() {
  local line word help directive
  local -a said items ahead
  ahead=("\${(@Q)words[2,CURRENT-1]}")
  said=("\${(@f)$(\${~words[1]} complete -- "\${ahead[@]}" "=\${(Q)PREFIX}" 2>/dev/null)}")
  for line in "\${said[@]}"; do
    if [[ $line == :* ]]; then directive=\${line#:}; continue; fi
    [[ -z $line ]] && continue
    word=\${line%%$'\\t'*}
    help=\${line#*$'\\t'}
    word=\${word//\\\\/\\\\\\\\}
    items+=("\${word//:/\\\\:}\${help:+:$help}")
  done
  local -a how
  [[ $directive == nospace ]] && how=(-S '')
  (( \${#items} )) && _describe -V 'drover' items "\${how[@]}"
  [[ $directive == (files|directories) && $PREFIX == --*=* ]] && compset -P '*='
  case $directive in
    files) _files ;;
    directories) _files -/ ;;
  esac
}
if [[ \${funcstack[1]} == _drover ]]; then
  _drover "$@"
elif (( \${+functions[compdef]} )); then
  compdef _drover drover
fi`;

const FISH = `# fish completion for drover; a file of this text belongs to fish/vendor_completions.d/drover.fish
function __drover_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' -- $HOME $words[1])
    set -l directive ''
    for line in ($program complete -- $words[2..-1] "=$current" 2>/dev/null)
        if string match -q -- ':*' $line
            set directive (string sub -s 2 -- $line)
        else
            echo $line
        end
    end
    set -l before (string match -r -- '^--[^=]*=' $current)
    set -l rest (string replace -r -- '^--[^=]*=' '' $current)
    switch $directive
        case files
            for path in (__fish_complete_path $rest)
                echo "$before$path"
            end
        case directories
            for path in (__fish_complete_directories $rest)
                echo "$before$path"
            end
    end
end
complete -c drover -f -a '(__drover_complete)'`;

const POWERSHELL = `# PowerShell completion for drover; this text belongs to the file that $PROFILE names
Register-ArgumentCompleter -Native -CommandName drover -ScriptBlock {
  param($word, $ast, $at)
  $words = @($ast.CommandElements | Where-Object { $_.Extent.EndOffset -lt $at } | ForEach-Object { $_.ToString() })
  $program = $words[0]
  $before = @($words | Select-Object -Skip 1)
  & $program complete '--' @before "=$word" 2>$null | ForEach-Object {
    if ($_.StartsWith(':')) {
      if ($_ -in ':files', ':directories') {
        [System.Management.Automation.CompletionCompleters]::CompleteFilename($word)
      }
    } else {
      $text, $help = $_ -split "\`t", 2
      if (-not $help) { $help = $text }
      [System.Management.Automation.CompletionResult]::new($text, $text, 'ParameterValue', $help)
    }
  }
}`;

const SHELLS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH, powershell: POWERSHELL };

export const completion: Run = async (call) => {
  const [shell] = call.words;
  const script = typeof shell === 'string' && Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (script === undefined)
    throw new Fault('bad_request', `No completion for "${String(shell)}".`, {
      hint: `There is: ${Object.keys(SHELLS).join(', ')}.`,
    });
  print(script);
  return 0;
};
