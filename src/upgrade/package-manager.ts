// Who else looks after an executable: a package manager, an image. What they have put there is theirs to replace. Pure.

export interface Manager {
  readonly name: string;
  readonly hint: string;
}

const MANAGERS: readonly (readonly [path: RegExp, manager: Manager])[] = [
  [/[/\\](Cellar|homebrew|linuxbrew)[/\\]/i, { name: 'Homebrew', hint: 'brew upgrade drover' }],
  [/[/\\]WinGet[/\\]/i, { name: 'winget', hint: 'winget upgrade drover' }],
  [/[/\\]scoop[/\\]/i, { name: 'Scoop', hint: 'scoop update drover' }],
  [/^\/nix\/store\//, { name: 'Nix', hint: 'Update the package there.' }],
  [/^\/snap\//, { name: 'snap', hint: 'snap refresh drover' }],
];

/** By where it really lies; `isInImage`: the image says so. Null: nobody that is known. */
export function managerOf(program: string, isInImage: boolean): Manager | null {
  const found = MANAGERS.find(([path]) => path.test(program));
  if (found !== undefined) return found[1];
  if (!isInImage) return null;
  return { name: 'The container’s image', hint: 'Pull the newer image, and make the container anew from it.' };
}
