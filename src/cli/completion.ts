// Shell completion made from the table of verbs; models are asked of `drover list` when a verb takes one.
import { Fault } from '../base/fault.ts';
import { SETTINGS } from '../config/schema.ts';
import type { Run } from './command-line.ts';
import { print } from './terminal.ts';
import { VERBS, type Verb } from './verbs.ts';

const longOf = (flags: string): string => /--[a-z-]+/.exec(flags)?.[0] ?? '';

function optionsOf(verb: Verb): string[] {
  const settings =
    verb.takesSettings === true
      ? Object.values(SETTINGS).flatMap((entry) => (entry.flag === null ? [] : [entry.flag]))
      : [];
  return [
    '--data-dir',
    '--config',
    '--json',
    '--help',
    ...(verb.options ?? []).map(([flags]) => flags),
    ...settings,
  ].map(longOf);
}

const names = VERBS.flatMap((verb) => [verb.name, ...(verb.aliases ?? [])]);
const modelVerbs = VERBS.filter((verb) => verb.takesModel === true).map((verb) => verb.name);
const actionVerbs = VERBS.flatMap(({ name, actions }) => (actions === undefined ? [] : [{ name, actions }]));
// One id a line; quiet where no server runs and nothing is known.
const MODELS = `drover list --json 2>/dev/null | sed -n 's/^    "id": "\\(.*\\)",$/\\1/p'`;

const SHELLS: Readonly<Record<string, () => string>> = {
  bash: () => `_drover() {
  local word="\${COMP_WORDS[COMP_CWORD]}" verb="\${COMP_WORDS[1]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then words="${names.join(' ')}"
  else case "$word:$verb" in
${VERBS.map((verb) => `    -*:${verb.name}) words="${optionsOf(verb).join(' ')}" ;;`).join('\n')}
${actionVerbs.map(({ name, actions }) => `    *:${name}) words="${actions.join(' ')}" ;;`).join('\n')}
${modelVerbs.map((name) => `    *:${name})`).join(' words="$(_drover_models)" ;;\n')} words="$(_drover_models)" ;;
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
_drover_models() { ${MODELS}; }
complete -o default -F _drover drover`,
  zsh: () => `#compdef drover
_drover() {
  local -a verbs models
  verbs=(${VERBS.map((verb) => `'${verb.name}:${verb.help.replaceAll("'", '’').replaceAll(':', ' –')}'`).join(' ')})
  if (( CURRENT == 2 )); then _describe command verbs; return; fi
  if [[ $PREFIX == -* ]]; then
    case $words[2] in
${VERBS.map((verb) => `      ${verb.name}) compadd -- ${optionsOf(verb).join(' ')} ;;`).join('\n')}
    esac
    return
  fi
  case $words[2] in
${actionVerbs.map(({ name, actions }) => `    ${name}) compadd ${actions.join(' ')} ;;`).join('\n')}
    ${modelVerbs.join('|')}) models=(\${(f)"$(${MODELS})"}); compadd -a models ;;
    *) _files ;;
  esac
}
compdef _drover drover`,
  fish: () =>
    [
      'complete -c drover -f',
      ...VERBS.map(
        (verb) => `complete -c drover -n __fish_use_subcommand -a ${verb.name} -d '${verb.help.replaceAll("'", '’')}'`,
      ),
      ...VERBS.flatMap((verb) =>
        optionsOf(verb).map(
          (option) => `complete -c drover -n '__fish_seen_subcommand_from ${verb.name}' -l ${option.slice(2)}`,
        ),
      ),
      ...actionVerbs.map(
        ({ name, actions }) => `complete -c drover -n '__fish_seen_subcommand_from ${name}' -a '${actions.join(' ')}'`,
      ),
      `complete -c drover -n '__fish_seen_subcommand_from ${modelVerbs.join(' ')}' -a '(${MODELS})'`,
    ].join('\n'),
  powershell: () => `Register-ArgumentCompleter -Native -CommandName drover -ScriptBlock {
  param($word, $ast, $at)
  $verb = if ($ast.CommandElements.Count -gt 1) { $ast.CommandElements[1].ToString() } else { '' }
  $words = switch ($verb) {
${actionVerbs.map(({ name, actions }) => `    '${name}' { '${actions.join(' ')}'.Split(' ') }`).join('\n')}
    { $_ -in ${modelVerbs.map((name) => `'${name}'`).join(', ')} } { (drover list --json 2>$null | ConvertFrom-Json).id }
    default { '${names.join(' ')}'.Split(' ') }
  }
  $words | Where-Object { $_ -like "$word*" } | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}`,
};

export const completion: Run = async (call) => {
  const [shell] = call.words;
  const make = typeof shell === 'string' ? SHELLS[shell] : undefined;
  if (make === undefined)
    throw new Fault('bad_request', `No completion for "${String(shell)}".`, {
      hint: `There is: ${Object.keys(SHELLS).join(', ')}.`,
    });
  print(make());
  return 0;
};
