"""Addresses of the site."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.contrib.sitemaps.views import index, sitemap
from django.urls import include, path
from django.views.decorators.http import require_safe

from spectradb.views.accounts import account, openid, own_data
from spectradb.views.calculations import crystal, multiplet
from spectradb.views.collections import edit, lists, page
from spectradb.views.collections.feed import feed
from spectradb.views.curation import comments, draft, notices, revise
from spectradb.views.exports import download
from spectradb.views.imports import bring, share, upload
from spectradb.views.learning import models, predict, residuals
from spectradb.views.library import coverage
from spectradb.views.matching import how as match_how
from spectradb.views.matching import match
from spectradb.views.peaks import fit
from spectradb.views.queue import jobs
from spectradb.views.search import home
from spectradb.views.search import results as browse
from spectradb.views.series import analyses as series_analyses
from spectradb.views.series import answers as series_answers
from spectradb.views.series import browse as series_browse
from spectradb.views.series import draft as series_draft
from spectradb.views.series import files as series_files
from spectradb.views.series import page as series_page
from spectradb.views.series import send, tus
from spectradb.views.site import health, metrics, pages, records
from spectradb.views.spectra import compare, normalise, spectrum
from spectradb.views.structures import structure

handler400 = pages.bad_request
handler403 = pages.forbidden
handler404 = pages.not_found
handler500 = pages.server_error

urlpatterns = [
    path("", home.home, name="home"),
    path("spectra/", browse.results, name="results"),
    path("spectra/<int:pk>/", spectrum.spectrum, name="spectrum"),
    path("spectra/<int:pk>/table/", spectrum.data_table, name="spectrum-table"),
    path("spectra/<int:pk>/plot.svg", spectrum.drawing, name="spectrum-drawing"),
    path("spectra/<int:pk>/embed/", records.embed, name="spectrum-embed"),
    path("feed.atom", require_safe(records.NewRecords()), name="atom"),
    path("sitemap.xml", require_safe(index), {"sitemaps": records.MAPS}, name="sitemap"),
    path(
        "sitemap-<section>.xml",
        require_safe(sitemap),
        {"sitemaps": records.MAPS},
        name="django.contrib.sitemaps.views.sitemap",
    ),
    path("spectra/<int:pk>/nearest/", spectrum.nearest, name="spectrum-nearest"),
    path("spectra/<int:pk>/normalisation/", normalise.normalisation, name="spectrum-normalisation"),
    path("spectra/<int:pk>/fit/", fit.fit, name="spectrum-fit"),
    path("spectra/<int:pk>/fit/accept/", fit.accept, name="spectrum-fit-accept"),
    path("spectra/<int:pk>/fit/<int:fit_pk>/accept/", fit.accept_kept, name="fit-accept"),
    path("spectra/<int:pk>/draft/", draft.draft, name="spectrum-draft"),
    path("spectra/<int:pk>/delete/", draft.delete, name="spectrum-delete"),
    path("spectra/<int:pk>/submit/", upload.submit_spectrum, name="spectrum-submit"),
    path("spectra/<int:pk>/revise/", revise.revise, name="spectrum-revise"),
    path("spectra/<int:pk>/original/", download.source_file, name="source-file"),
    path(
        "spectra/<int:pk>/download/<str:format>/", download.spectrum_file, name="spectrum-download"
    ),
    path("series/", series_browse.browse, name="series-browse"),
    path("series/combine/", series_draft.from_spectra, name="series-combine"),
    path("series/<int:pk>/", series_page.series, name="series"),
    path("series/<int:pk>/series.h5", series_files.series_file, name="series-download"),
    path("series/<int:pk>/values.<str:format>", series_answers.values, name="series-values"),
    path("series/<int:pk>/spectrum.svg", series_files.spectrum_svg, name="series-spectrum-drawing"),
    path(
        "series/<int:pk>/picture.<str:format>",
        series_answers.series_picture,
        name="series-picture",
    ),
    path("series/<int:pk>/spectrum/", series_analyses.make_spectrum, name="series-spectrum"),
    path("series/<int:pk>/draft/", series_draft.draft, name="series-draft"),
    path("series/<int:pk>/delete/", series_draft.delete, name="series-delete"),
    path("series/<int:pk>/step/", series_draft.step, name="series-step"),
    path("series/<int:pk>/analyse/", series_analyses.analyse, name="series-analyse"),
    path(
        "series/<int:pk>/analyses/<int:analysis_pk>/act/",
        series_analyses.act,
        name="series-analysis-act",
    ),
    path(
        "series/<int:pk>/analyses/<int:analysis_pk>/map.<str:format>",
        series_answers.series_map,
        name="series-map",
    ),
    path(
        "series/<int:pk>/analyses/<int:analysis_pk>/fit.json",
        series_answers.series_fit,
        name="series-fit",
    ),
    path(
        "series/<int:pk>/analyses/<int:analysis_pk>/maps.<str:format>",
        series_files.maps,
        name="series-maps",
    ),
    path(
        "series/<int:pk>/analyses/<int:analysis_pk>/along-<int:number>.svg",
        series_files.along_svg,
        name="series-along",
    ),
    path(
        "series/<int:pk>/analyses/<int:analysis_pk>/report/",
        series_files.report,
        name="series-report",
    ),
    path("structures/<int:pk>/", structure.structure, name="structure"),
    path("structures/<int:pk>/structure.cif", download.structure_cif, name="structure-cif"),
    path("structures/<int:pk>/compute/", structure.compute, name="structure-compute"),
    path("structures/<int:pk>/sites/<int:site_pk>/", structure.site_row, name="structure-site"),
    path("structures/<int:pk>/judge/", structure.judge, name="structure-judge"),
    path("export/", download.export, name="export"),
    path("export/<int:pk>/", download.export_file, name="export-file"),
    path("bring/", bring.bring, name="bring"),
    path("file/<str:token>/", bring.file, name="brought-file"),
    path("file/<str:token>/say/", bring.say, name="file-say"),
    path("file/<str:token>/forget/", bring.forget, name="file-forget"),
    path("crystal/<str:token>/", crystal.crystal, name="crystal"),
    path("crystal/<str:token>/compute/", crystal.compute, name="crystal-compute"),
    path("share/<str:token>/", share.make, name="share"),
    path("share/<str:token>/revoke/", share.take_back, name="share-revoke"),
    path("shared/<str:token>/", share.follow, name="shared"),
    path("shared/<str:token>/download/<str:format>/", share.download, name="shared-download"),
    path("collections/", lists.collections, name="collections"),
    path("collections/add/", lists.add, name="collection-add"),
    path("collections/<int:pk>/", page.collection, name="collection"),
    path("collections/<int:pk>/edit/", edit.head, name="collection-edit"),
    path("collections/<int:pk>/entry/", edit.entry, name="collection-entry"),
    path("collections/<int:pk>/step/", edit.step, name="collection-step"),
    path("collections/<int:pk>/delete/", edit.delete, name="collection-delete"),
    path("collections/<int:pk>/revise/", edit.revise, name="collection-revise"),
    path("collections/<int:pk>/share/", edit.share_it, name="collection-share"),
    path("collections/<int:pk>/feed.atom", feed, name="collection-feed"),
    path("collections/<int:pk>/download/<str:format>/", page.download, name="collection-download"),
    path("notices/", notices.notices, name="notices"),
    path("spectra/<int:pk>/comment/", comments.comment, name="spectrum-comment"),
    path("fit/", fit.fit_file, name="file-fit"),
    path("normalisation/", normalise.of_file, name="file-normalisation"),
    path("upload/", upload.upload, name="upload"),
    path("upload/answer/", upload.answer_question, name="upload-answer"),
    path("series/upload/", send.send, name="series-upload"),
    path("series/upload/<str:token>/", send.sent, name="series-sent"),
    path("series/upload/<str:token>/again/", send.again, name="series-again"),
    path("series/upload/<str:token>/forget/", send.forget, name="series-forget"),
    path("series/upload/<str:token>/files/", tus.files, name="series-files"),
    path("series/upload/<str:token>/files/<int:pk>/", tus.file, name="series-file"),
    path("multiplet/", multiplet.multiplet, name="multiplet"),
    path("multiplet/load/", multiplet.load, name="multiplet-load"),
    path("multiplet/case.json", multiplet.case_file, name="multiplet-case"),
    path("multiplet/save/", multiplet.save, name="multiplet-save"),
    path("multiplet/answer/", multiplet.answer, name="multiplet-answer"),
    path("compare/", compare.compare, name="compare"),
    path("coverage/", coverage.coverage_map, name="coverage"),
    path("match/", match.match, name="match"),
    path("match/how/", match_how.how, name="match-how"),
    path("match/how/measure/", match_how.measure, name="match-measure"),
    path("match/<str:token>/", match.match_run, name="match-run"),
    path("match/<str:token>/report.json", match.report, name="match-report"),
    path("match/<str:token>/submit/", match.submit, name="match-submit"),
    path("predict/", predict.predict, name="predict"),
    path("predict/prediction.csv", predict.table, name="predict-table"),
    path("predict/structure/<int:pk>/", predict.predict_structure, name="predict-structure"),
    path("predict/<str:token>/", predict.predict_upload, name="predict-upload"),
    path("predict/<str:token>/save/", predict.save, name="predict-save"),
    path("models/", models.models, name="models"),
    path("train/", models.train, name="model-train"),
    path("models/<str:name>/", models.model, name="model"),
    path("models/<str:name>/residuals/", residuals.residuals, name="model-residuals"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/act/", jobs.act, name="jobs-act"),
    path("jobs/<int:pk>/", jobs.calculation, name="job"),
    path("jobs/<int:pk>/case.json", jobs.case, name="calculation-case"),
    path("cite/", pages.cite, name="cite"),
    path("methods/", pages.methods, name="methods"),
    path("accessibility/", pages.accessibility, name="accessibility"),
    path("api/", pages.api_help, name="api-help"),
    path("login/", account.SignIn.as_view(), name="login"),
    path("login/with/<slug:provider_id>/", openid.leave, name="openid_connect_login"),
    path("login/with/<slug:provider_id>/back/", openid.come_back, name="openid_connect_callback"),
    path("account/identities/<int:pk>/", openid.disconnect, name="identity-disconnect"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("register/", account.register, name="register"),
    path("register/<str:token>/", account.confirm, name="register-confirm"),
    path("account/", account.account, name="account"),
    path("account/password/", own_data.ChangePassword.as_view(), name="password_change"),
    path("account/archive/", own_data.archive, name="account-archive"),
    path("account/delete/", own_data.delete, name="account-delete"),
    path("password/", own_data.ResetPassword.as_view(), name="password_reset"),
    path(
        "password/<uidb64>/<token>/", own_data.NewPassword.as_view(), name="password_reset_confirm"
    ),
    path("privacy/", pages.privacy, name="privacy"),
    path("account/keys/<int:pk>/revoke/", account.revoke_key, name="revoke-key"),
    path("theme/", account.theme, name="theme"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("healthz", health.alive, name="alive"),
    path("readyz", health.ready, name="ready"),
    path("metrics", metrics.metrics, name="metrics"),
    path("robots.txt", health.robots, name="robots"),
    path("favicon.ico", health.favicon, name="favicon"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("spectradb.api.urls")),
    path("optimade/", include("spectradb.api.optimade.urls")),
]
