// The chat page. Each module listens on the document, so nothing is wired again after a swap.
import "./answer.js";
import "./citations.js";
import "./composer.js";
import "./context.js";
import "./copy.js";
import "./feedback.js";
import "./focus.js";
import "./follow.js";
import "./links.js";
import "./live.js";
import "./notify.js";
import "./review.js";
import "./title.js";
