// Before the first paint, or a dark page flashes white. A file, because the policy allows no inline script.
(function () {
  var chosen = null;
  try {
    chosen = localStorage.getItem('berth-color-scheme');
  } catch {
    // Storage may be forbidden; the system's choice holds then.
  }
  var dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
