// Places a popover beside what opens it, inside the window.

const GAP = 4;
const MARGIN = 8;

/** Puts `panel` (position: fixed) under `anchor`, or above where there is more room; `end` aligns their right edges. */
export function place(panel: HTMLElement, anchor: Element, align: 'start' | 'end' = 'start', sameWidth = false): void {
  const at = anchor.getBoundingClientRect();
  if (sameWidth) panel.style.width = `${at.width}px`;
  panel.style.maxHeight = '';
  const { innerWidth, innerHeight } = window;
  const below = innerHeight - at.bottom - GAP - MARGIN;
  const above = at.top - GAP - MARGIN;
  const size = panel.getBoundingClientRect();
  const under = size.height <= below || below >= above;
  panel.style.maxHeight = `${Math.max(under ? below : above, 120)}px`;
  const height = Math.min(size.height, under ? below : above);
  const left = align === 'end' ? at.right - size.width : at.left;
  panel.style.left = `${Math.max(MARGIN, Math.min(left, innerWidth - size.width - MARGIN))}px`;
  panel.style.top = `${under ? at.bottom + GAP : at.top - GAP - height}px`;
}
