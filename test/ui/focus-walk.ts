// Walks a page by Tab alone until the focus comes round, and tells what somebody without a mouse would stumble over: what is
// not reached, what is not left, what is focused without being seen.
import type { ElementHandle, Locator, Page } from 'playwright-core';
import { eventually } from '../fixtures/restarts.ts';

export interface Walk {
  /** What was focused, in its order. */
  readonly stops: readonly string[];
  readonly findings: readonly string[];
}

interface Stop {
  /** Null: it came round. */
  readonly name: string | null;
  readonly findings: readonly string[];
  /** Of a group of which one is a stop and arrows lead to the others. */
  readonly memberCount: number;
  /** One that takes Tab for itself and announces another way out. */
  readonly isEditor: boolean;
}

interface Walker {
  start(isBackward: boolean, within: string | null): void;
  look(): Promise<Stop>;
  /** Of the members of this group: how many have had the focus by now. */
  touched(): number;
  /** What was never reached; the walk is over. */
  end(): readonly string[];
}

const MOST_STOPS = 400;

interface WalkOptions {
  /** From the bottom up, by Shift and Tab. */
  readonly isBackward?: boolean;
  /** A dialog that keeps the focus; absent: the whole page. */
  readonly within?: string;
}

export async function walk(page: Page, { isBackward = false, within }: WalkOptions = {}): Promise<Walk> {
  await page.evaluate(installWalker);
  const stops: string[] = [];
  const findings: string[] = [];
  await page.evaluate(([is, place]) => (globalThis as unknown as { walker: Walker }).walker.start(is, place), [
    isBackward,
    within ?? null,
  ] as const);
  for (;;) {
    await page.keyboard.press(isBackward ? 'Shift+Tab' : 'Tab');
    const stop = await page.evaluate(() => (globalThis as unknown as { walker: Walker }).walker.look());
    findings.push(...stop.findings);
    if (stop.name === null) break;
    stops.push(stop.name);
    if (stops.length > MOST_STOPS || stop.findings.some((finding) => finding.startsWith('not left'))) break;
    if (stop.isEditor) await page.keyboard.press('Escape');
    if (stop.memberCount > 1) {
      let touched = 1;
      for (let pressed = 1; pressed < stop.memberCount; pressed += 1) {
        await page.keyboard.press('ArrowRight');
        touched = await page.evaluate(() => (globalThis as unknown as { walker: Walker }).walker.touched());
      }
      if (touched < stop.memberCount) findings.push(`arrows reach ${touched} of ${stop.memberCount}: ${stop.name}`);
    }
  }
  findings.push(...(await page.evaluate(() => (globalThis as unknown as { walker: Walker }).walker.end())));
  return { stops, findings };
}

type FocusState = 'focused' | 'elsewhere' | 'gone';
const stateOf = (one: Element): FocusState => {
  if (!one.isConnected) return 'gone';
  return (one.getRootNode() as Document | ShadowRoot).activeElement === one ? 'focused' : 'elsewhere';
};
const hasFocus = async (place: Locator): Promise<boolean> => (await place.evaluate(stateOf)) === 'focused';

/** Presses Tab until it has the focus. */
export async function tabTo(page: Page, place: Locator, { isBackward = false } = {}): Promise<void> {
  let found: ElementHandle<Element> | null = null;
  for (let pressed = 0; pressed < MOST_STOPS; pressed += 1) {
    // To look for it anew at every press takes most of the time: only where it was drawn anew.
    let state = found === null ? 'gone' : await found.evaluate(stateOf);
    if (state === 'gone') {
      found = await place.elementHandle();
      state = (await found?.evaluate(stateOf)) ?? 'gone';
    }
    if (state === 'focused') return;
    await page.keyboard.press(isBackward ? 'Shift+Tab' : 'Tab');
  }
  throw new Error(`Tab does not lead to ${place}`);
}

/** Waits until it has the focus. */
export const focusOn = (place: Locator): Promise<void> =>
  eventually(
    () => hasFocus(place),
    () => `${place} has no focus`,
    5000,
  );

export async function pressAll(page: Page, keys: readonly string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key);
}

/** Runs in the page, hence all in one. */
function installWalker(): void {
  const NATIVE = 'a[href], button, input, select, textarea, summary, iframe, audio[controls], video[controls]';
  const ANY = `${NATIVE}, [tabindex], [contenteditable=""], [contenteditable=true]`;
  const GROUPS = '[role=tablist], [role=menu], [role=radiogroup], [role=toolbar], [role=listbox]';
  const reached = new Set<Element>();
  const stops = new Set<Element>();
  const looks = new WeakMap<Element, string>();
  const known = new Set<Element>();
  const mark = document.createElement('button');
  let last: Element | null = null;
  let isUp = false;
  let group: readonly Element[] = [];
  let frame: Element | null = null;
  let touched = new Set<Element>();

  const within = (root: ParentNode): Element[] =>
    [...root.querySelectorAll('*')].flatMap((one) =>
      one.shadowRoot === null ? [one] : [one, ...within(one.shadowRoot)],
    );
  const focused = (): Element | null => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return at;
  };
  const parentOf = (one: Element): Element | null => {
    if (one.parentElement !== null) return one.parentElement;
    const root = one.getRootNode();
    return root instanceof ShadowRoot ? root.host : null;
  };
  const isShown = (one: Element): boolean =>
    one.checkVisibility({ visibilityProperty: true }) && one.closest('[aria-hidden=true], [inert]') === null;
  const membersOf = (one: Element): readonly Element[] => {
    if (one instanceof HTMLInputElement && one.type === 'radio') {
      return [...document.querySelectorAll<HTMLInputElement>('input[type=radio]')].filter(
        ({ name, form, disabled }) => name === one.name && form === one.form && !disabled,
      );
    }
    const around = one.closest(GROUPS);
    return around === null ? [] : [...around.querySelectorAll(ANY)].filter((other) => isShown(other));
  };
  /** The steps of a number: its field does the same by arrows. */
  const isStep = (one: Element): boolean =>
    one.closest('[role=group]')?.querySelector('input[aria-roledescription]') != null && one.matches('button');
  const isStopAlone = (one: Element): boolean =>
    one !== mark &&
    one.matches(ANY) &&
    !one.matches(':disabled') &&
    isShown(one) &&
    (one.matches(NATIVE) || one.getAttribute('tabindex') !== '-1') &&
    membersOf(one).length < 2 &&
    !isStep(one);
  const nameOf = (one: Element): string => {
    const said =
      one.getAttribute('aria-label') ?? (one as HTMLInputElement).labels?.[0]?.textContent ?? one.textContent;
    return `${one.tagName.toLowerCase()}.${one.getAttribute('class') ?? ''} “${(said ?? '').trim().slice(0, 40)}”`;
  };
  const lookOf = (one: Element): string => {
    const { outlineStyle, outlineWidth, outlineColor, boxShadow } = getComputedStyle(one);
    const hasOutline = outlineStyle !== 'none' && outlineWidth !== '0px' && !/, 0\)$|transparent/.test(outlineColor);
    return `${hasOutline ? `${outlineWidth} ${outlineColor}` : 'none'} ${boxShadow}`;
  };
  /** Drawn by something else, and itself not to be seen. */
  const isGhost = (one: Element): boolean => {
    const { width, height } = one.getBoundingClientRect();
    const { opacity, clipPath } = getComputedStyle(one);
    return width < 3 || height < 3 || opacity === '0' || clipPath !== 'none';
  };
  const isMarked = (one: Element): boolean => {
    const before = looks.get(one);
    return before === undefined ? !lookOf(one).startsWith('none') : lookOf(one) !== before;
  };
  /** What carries its ring: the element, or the frame around a field. */
  const markedOf = (one: Element): Element | null => {
    if (isMarked(one) && !isGhost(one)) return one;
    if (!(one instanceof HTMLInputElement || one.matches('textarea, [contenteditable=true]'))) return null;
    let at = parentOf(one);
    for (let depth = 0; at !== null && depth < 3; depth += 1, at = parentOf(at)) if (isMarked(at)) return at;
    return null;
  };
  const hitAt = (x: number, y: number): Element | null => {
    let hit = document.elementFromPoint(x, y);
    while (hit?.shadowRoot) {
      const inner = hit.shadowRoot.elementFromPoint(x, y);
      if (inner === null || inner === hit) break;
      hit = inner;
    }
    return hit;
  };
  const holds = (box: Element, other: Element | null): boolean => {
    for (let at = other; at !== null; at = parentOf(at)) if (at === box) return true;
    return false;
  };
  /** How many sides of a ring around the box are cut off by what scrolls or clips around it. */
  const cutSides = (box: Element): number => {
    const { outlineOffset, outlineWidth, outlineStyle } = getComputedStyle(box);
    if (outlineStyle === 'none') return 0;
    const out = Number.parseFloat(outlineOffset) + Number.parseFloat(outlineWidth);
    const { top, left, right, bottom } = box.getBoundingClientRect();
    const cut = new Set<string>();
    const isTall = bottom - top > innerHeight / 2;
    if (top - out < -0.5 && !isTall) cut.add('top');
    if (left - out < -0.5) cut.add('left');
    if (right + out > innerWidth + 0.5) cut.add('right');
    if (bottom + out > innerHeight + 0.5 && !isTall) cut.add('bottom');
    for (let at = parentOf(box); at !== null; at = parentOf(at)) {
      const { overflowX, contain, contentVisibility } = getComputedStyle(at);
      const isClipping =
        overflowX !== 'visible' || /paint|strict|content/.test(contain) || contentVisibility === 'auto';
      if (!isClipping || at === document.documentElement || at === document.body) continue;
      const frame = at.getBoundingClientRect();
      const [x, y] = [frame.left + at.clientLeft, frame.top + at.clientTop];
      if (top - out < y - 0.5) cut.add('top');
      if (left - out < x - 0.5) cut.add('left');
      if (right + out > x + at.clientWidth + 0.5) cut.add('right');
      if (bottom + out > y + at.clientHeight + 0.5) cut.add('bottom');
    }
    return cut.size;
  };
  const unseen = (one: Element): string | null => {
    const box = isGhost(one) ? (markedOf(one) ?? one) : one;
    const { top, left, right, bottom } = box.getBoundingClientRect();
    const isLarge = bottom - top > innerHeight / 3 || right - left > innerWidth;
    const [y0, y1] = isLarge ? [Math.max(top, 0), Math.min(bottom, innerHeight)] : [top, bottom];
    const [x0, x1] = isLarge ? [Math.max(left, 0), Math.min(right, innerWidth)] : [left, right];
    const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
    const points = isLarge
      ? [[x, y]]
      : [
          [x, y],
          [x0 + 2, y],
          [x1 - 2, y],
          [x, y0 + 2],
          [x, y1 - 2],
        ];
    const isSeen = points.every(([px = 0, py = 0]) => {
      if (px < 0 || py < 0 || px > innerWidth || py > innerHeight) return false;
      const hit = hitAt(px, py);
      return holds(box, hit) || (hit !== null && holds(hit, box) && hit.matches('label'));
    });
    return isSeen ? null : `${Math.round(left)},${Math.round(top)}–${Math.round(right)},${Math.round(bottom)}`;
  };
  const placeOf = (one: Element): Element => {
    let at = one;
    for (let root = at.getRootNode(); root instanceof ShadowRoot; root = at.getRootNode()) at = root.host;
    return at;
  };

  const walker: Walker = {
    start(isBackward, place) {
      isUp = isBackward;
      frame = place === null ? null : document.querySelector(place);
      const begun = focused();
      // In a dialog the focus is where it begins.
      if (frame === null) (begun as HTMLElement | null)?.blur();
      else if (begun !== null) reached.add(begun);
      for (const one of within(frame ?? document)) {
        if (isStopAlone(one)) known.add(one);
        if (!one.matches(ANY)) continue;
        let at: Element | null = one;
        for (let depth = 0; at !== null && depth < 4; depth += 1, at = parentOf(at)) {
          if (!holds(at, focused())) looks.set(at, lookOf(at));
        }
      }
      if (frame !== null) return;
      mark.style.cssText = 'position:fixed;top:0;left:0;width:1px;height:1px;opacity:0';
      if (isBackward) document.body.append(mark);
      else document.body.prepend(mark);
      mark.focus({ preventScroll: true });
    },
    async look() {
      // At the edge of a dialog stands what sends the focus back.
      const isGuard = (): boolean => focused()?.hasAttribute('data-base-ui-focus-guard') === true;
      for (let frames = 0; isGuard() && frames < 20; frames += 1) await new Promise(requestAnimationFrame);
      const at = focused();
      const over = { name: null, memberCount: 0, isEditor: false };
      if (frame !== null && !holds(frame, at)) return { ...over, findings: [`the focus left for ${at && nameOf(at)}`] };
      if (at === null || at === document.body || at === mark) return { ...over, findings: [] };
      if (frame !== null && at !== last && stops.has(at)) return { ...over, findings: [] };
      stops.add(at);
      const name = nameOf(at);
      const findings: string[] = [];
      if (at === last) findings.push(`not left by Tab: ${name}`);
      if (last !== null && at !== last && frame === null) {
        const order = placeOf(last).compareDocumentPosition(placeOf(at));
        const isAfter = (order & (isUp ? Node.DOCUMENT_POSITION_PRECEDING : Node.DOCUMENT_POSITION_FOLLOWING)) !== 0;
        if (!isAfter && placeOf(last) !== placeOf(at)) findings.push(`out of order: ${name} after ${nameOf(last)}`);
      }
      // An editor draws its ring a moment later, and the tip of what had the focus before goes a moment later.
      const isFine = (): boolean => markedOf(at) !== null && unseen(at) === null;
      for (let frames = 0; !isFine() && frames < 20; frames += 1) await new Promise(requestAnimationFrame);
      const ring = markedOf(at);
      if (ring === null) findings.push(`no ring: ${name}`);
      else if (cutSides(ring) > 1) findings.push(`ring cut on ${cutSides(ring)} sides: ${name}`);
      const where = unseen(at);
      if (where !== null) findings.push(`not seen: ${name} at ${where}`);
      reached.add(at);
      last = at;
      group = membersOf(at);
      touched = new Set([at]);
      const helpId = at.getAttribute('aria-describedby') ?? '';
      const help = (at.getRootNode() as Document | ShadowRoot).getElementById(helpId)?.textContent ?? '';
      const isEditor = at.matches('[contenteditable=true]') && /Escape.*Tab/.test(help);
      return { name, findings, memberCount: group.length, isEditor };
    },
    touched() {
      const at = focused();
      if (at !== null && group.includes(at)) {
        touched.add(at);
        last = at;
      }
      return touched.size;
    },
    end() {
      mark.remove();
      return within(frame ?? document)
        .filter((one) => isStopAlone(one) && known.has(one) && !reached.has(one))
        .map((one) => `not reached: ${nameOf(one)}`);
    },
  };
  Object.assign(globalThis, { walker });
}
