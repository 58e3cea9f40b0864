"use strict";
// Before anything is drawn: the theme that was chosen last.
document.documentElement.dataset.theme = localStorage.theme || "";
