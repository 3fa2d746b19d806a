"""Hashes of calculations from each row's own inputs, so that nothing is computed twice.

Until now a hash covered the release, or the route, but neither the engine nor the valences of the
sites, and a valence that a person had corrected was not used. What was computed counts as of the
first version of the engine and of the free ions, and says that this version is not known.
"""

import hashlib
import json

from django.db import migrations

ENGINE = 'spectradb.multiplet'
FIRST = {'engine': 'multiplet-1', 'atom': 'atom-1'}
TEMPERATURE_K = 300.0
STATED = 'stated'


def rewrite(apps, schema_editor):
    derived = _mark_stated(apps)
    rows = [*_of_sites(apps, derived), *_of_cases(apps)]
    rows.sort(key=lambda row: (row.job_status != 'done', row.pk))
    taken = set()
    for row in rows:
        if row.digest in taken:  # asked for twice, under two atoms of one orbit
            continue
        taken.add(row.digest)
        row.input_hash = row.digest
    calculation = apps.get_model('spectradb', 'Calculation')
    calculation.objects.bulk_update(rows, ['input_hash', 'version'], batch_size=200)


def _mark_stated(apps):
    """Mark valences that a person changed; for each of these sites, what was derived before."""
    history = apps.get_model('spectradb', 'HistoricalSite').objects
    site = apps.get_model('spectradb', 'Site').objects
    derived = {}
    edited = history.filter(history_type='~').values_list('id', flat=True).distinct()
    for row in site.filter(pk__in=list(edited)):
        first = history.filter(id=row.pk).order_by('history_date', 'history_id').first()
        same = (row.oxidation_state, row.oxidation_method)
        if first is None or same == (first.oxidation_state, first.oxidation_method):
            continue
        derived[row.pk] = first.oxidation_state
        for other in site.filter(structure=row.structure_id):
            if _first_atom(other) == _first_atom(row):
                derived.setdefault(other.pk, other.oxidation_state)
                other.oxidation_state = row.oxidation_state
                other.oxidation_method, other.oxidation_confidence = STATED, 1.0
                other.save()
    return derived


def _of_sites(apps, derived):
    """Calculations of stored sites, which took the derived valences of all sites."""
    valences = {}
    for site in apps.get_model('spectradb', 'Site').objects.order_by('pk').iterator():
        state = derived.get(site.pk, site.oxidation_state)
        if state is not None:
            valences.setdefault(site.structure_id, {})[_first_atom(site)] = round(state, 6)
    rows = (
        apps.get_model('spectradb', 'Calculation')
        .objects.filter(engine=ENGINE, structure__isnull=False, site__isnull=False)
        .select_related('structure', 'site')
        .defer('structure__data', 'sticks', 'trace', 'results', 'parameters')
    )
    for row in rows.iterator(chunk_size=500):
        key = {
            'versions': {'route': row.version, **FIRST},
            'structure': row.structure.content_hash,
            'valences': sorted([atom, v] for atom, v in valences[row.structure_id].items()),
            'site': _first_atom(row.site),
            'edge': row.edge,
            'temperature_k': TEMPERATURE_K,
        }
        row.digest = _digest([ENGINE, row.route, key])
        yield row


def _of_cases(apps):
    """Calculations of given parameters."""
    rows = apps.get_model('spectradb', 'Calculation').objects.filter(
        engine=ENGINE, route='explicit', structure__isnull=True
    )
    for row in rows.defer('sticks', 'trace', 'results').iterator(chunk_size=500):
        row.digest = _digest([ENGINE, FIRST['engine'], row.route, row.parameters])
        row.version = ''
        yield row


def _first_atom(site):
    return min(site.equivalent_indices or [site.index])


def _digest(key):
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


class Migration(migrations.Migration):

    dependencies = [
        ('spectradb', '0008_one_owner_of_requests'),
    ]

    operations = [
        migrations.RunPython(rewrite, migrations.RunPython.noop),
    ]
