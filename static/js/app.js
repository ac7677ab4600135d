// What every page needs. Chat, knowledge and console pages add their own modules.
import "./confirm.js";
import "./htmx-policy.js";
import "./session.js";
import "./theme-toggle.js";
import "./toast.js";
