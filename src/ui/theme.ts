// Before anything is painted: the colours that were chosen on this device, else those of the system. A classic script of
// its own, so that no page flashes in the wrong colours.
const chosen = localStorage.getItem('drover-theme');
if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
