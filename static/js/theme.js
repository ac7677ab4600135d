// Runs before the first paint (a plain script in <head>), so that a remembered theme does not flash.
{
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}
