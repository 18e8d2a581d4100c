// Tabs, as the WAI-ARIA practices describe them: arrow keys go from one to the next.

export function tabs(list, changed) {
  const all = [...list.children];
  const select = (chosen) => {
    for (const tab of all) {
      const isChosen = tab === chosen;
      tab.setAttribute('aria-selected', isChosen);
      tab.tabIndex = isChosen ? 0 : -1;
      document.getElementById(tab.getAttribute('aria-controls')).hidden = !isChosen;
    }
    chosen.focus();
    changed();
  };
  for (const tab of all) tab.onclick = () => select(tab);
  list.onkeydown = ({ key }) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (step) select(all.at((all.indexOf(document.activeElement) + step) % all.length));
  };
}
